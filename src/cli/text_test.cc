#include "cli/text.h"

namespace millrace::cli {
namespace {

TEST(Text, BytesHaveUnits) {
  EXPECT_EQ(Bytes(999), "999 B");
  EXPECT_EQ(Bytes(1000), "1.0 kB");
  EXPECT_EQ(Bytes(999'960), "1.0 MB");
  EXPECT_EQ(Bytes(71'000'000), "71.0 MB");
}

TEST(Text, SpansAreShort) {
  EXPECT_EQ(Span(absl::Milliseconds(714)), "0.71 s");
  EXPECT_EQ(Span(absl::Seconds(185)), "3:05");
  EXPECT_EQ(Span(absl::Seconds(7385)), "2:03:05");
}

TEST(Text, BaseNameIsBehindTheLastSlash) {
  EXPECT_EQ(BaseName("gs://b/a/x.parquet"), "x.parquet");
  EXPECT_EQ(BaseName("x"), "x");
}

}  // namespace
}  // namespace millrace::cli
