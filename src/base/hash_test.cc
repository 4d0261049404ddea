#include "base/hash.h"

namespace millrace {
namespace {

TEST(Hash, IsXxh3OfTheBytesAndStaysSo) {
  // The value is part of what Mixpanel keeps as $insert_id: it must never change.
  EXPECT_EQ(ToHex(HashBytes("")), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(ToHex({0x0123456789abcdef, 0x42}), "0123456789abcdef0000000000000042");
}

TEST(UnorderedHash, OrderDoesNotCountButTimesDo) {
  UnorderedHash ab, ba, aab;
  ab.Add("a");
  ab.Add("b");
  ba.Add("b");
  ba.Add("a");
  aab.Add("a");
  aab.Add("a");
  aab.Add("b");
  EXPECT_EQ(ab.sum(), ba.sum());
  EXPECT_NE(ab.sum(), aab.sum());
}

TEST(UnorderedHash, CarriesIntoTheHighWord) {
  // Enough members that the low words overflow many times.
  UnorderedHash forward, backward;
  for (int i = 0; i < 1000; ++i) forward.Add(std::to_string(i));
  for (int i = 999; i >= 0; --i) backward.Add(std::to_string(i));
  EXPECT_EQ(forward.sum(), backward.sum());
}

}  // namespace
}  // namespace millrace
