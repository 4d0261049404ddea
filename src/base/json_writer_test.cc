#include "base/json_writer.h"

#include <cmath>
#include <limits>
#include <string>

namespace millrace {
namespace {

std::string Quoted(std::string_view text) {
  ByteBuffer out;
  AppendJsonString(out, text);
  return std::string(out.view());
}

template <typename Append, typename Value>
std::string Written(Append append, Value value) {
  ByteBuffer out;
  append(out, value);
  return std::string(out.view());
}

TEST(JsonWriter, EscapesQuotesBackslashesAndControlBytes) {
  EXPECT_EQ(Quoted("plain"), "\"plain\"");
  EXPECT_EQ(Quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(Quoted("\b\f\n\r\t"), R"("\b\f\n\r\t")");
  EXPECT_EQ(Quoted(std::string("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
  EXPECT_EQ(Quoted("größe 大阪 🎉"), "\"größe 大阪 🎉\"");
}

// Every position of an escape around the width of the wide loads.
TEST(JsonWriter, EscapesAtEveryPlaceOfEveryLength) {
  for (size_t length = 0; length < 50; ++length) {
    std::string plain;
    for (size_t i = 0; i < length; ++i) plain += static_cast<char>('A' + i % 26);
    EXPECT_EQ(Quoted(plain), "\"" + plain + "\"");
    for (size_t place = 0; place < length; ++place) {
      std::string text = plain;
      std::string escaped = plain;
      text[place] = '"';
      escaped.replace(place, 1, "\\\"");
      EXPECT_EQ(Quoted(text), "\"" + escaped + "\"");
    }
  }
}

TEST(JsonWriter, TextOfOnlyControlBytesFitsItsReservation) {
  const std::string text(1000, '\x01');
  EXPECT_EQ(Quoted(text).size(), 2 + 6 * text.size());
}

TEST(JsonWriter, NumbersKeepAllTheirDigits) {
  EXPECT_EQ(Written(AppendJsonInt, std::numeric_limits<int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(Written(AppendJsonUint, std::numeric_limits<uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(Written(AppendJsonDouble, 0.1), "0.1");
  EXPECT_EQ(Written(AppendJsonFloat, 0.1F), "0.1");
  EXPECT_EQ(Written(AppendJsonDouble, 1e300), "1e+300");
}

TEST(JsonWriter, NanAndInfinitiesAreNull) {
  EXPECT_EQ(Written(AppendJsonDouble, std::nan("")), "null");
  EXPECT_EQ(Written(AppendJsonDouble, -std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(Written(AppendJsonFloat, std::numeric_limits<float>::infinity()), "null");
}

TEST(JsonWriter, BytesAreBase64) {
  EXPECT_EQ(Written(AppendJsonBase64, std::string_view("\x00\xff\x10", 3)), "\"AP8Q\"");
}

}  // namespace
}  // namespace millrace
