#include "connectors/postgres/copy_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace millrace::postgres {
namespace {

std::string Text(std::string_view text) {
  ByteBuffer out;
  AppendCopyText(out, text);
  return std::string(out.view());
}

std::string Json(std::string_view json) {
  ByteBuffer out;
  AppendCopyJson(out, json);
  return std::string(out.view());
}

TEST(CopyTextTest, WhatEndsAColumnOrALineIsEscaped) {
  EXPECT_EQ(Text(""), "");
  EXPECT_EQ(Text("plain \xC3\xA9"), "plain \xC3\xA9");
  EXPECT_EQ(Text("a\tb\nc\rd\\e"), "a\\tb\\nc\\rd\\\\e");
  EXPECT_EQ(Text("\\N"), "\\\\N") << "a text, not null";
  EXPECT_EQ(Text("\\."), "\\\\.") << "not the end of the data";
}

TEST(CopyTextTest, BackslashesOfJsonAreDoubled) {
  EXPECT_EQ(Json(R"({"a":"b"})"), R"({"a":"b"})");
  EXPECT_EQ(Json(R"("\n\"\\")"), R"("\\n\\"\\\\")");
  EXPECT_EQ(Json(R"(\)"), R"(\\)");
}

TEST(CopyTextTest, ColumnsAreReadAsTheyWereWritten) {
  const std::vector<std::string> texts = {"plain", "", "a\tb\nc\rd\\e", "\\N", "\\", "\xC3\xA9"};
  ByteBuffer line;
  for (const std::string& text : texts) {
    if (!line.view().empty()) line.Append("\t");
    AppendCopyText(line, text);
  }
  std::string_view row = line.view();
  for (const std::string& text : texts) {
    std::string read = "something else";
    TakeCopyColumn(row, read);
    EXPECT_EQ(read, text);
  }
  EXPECT_TRUE(row.empty());
}

// It writes more escapes than it needs to read.
TEST(CopyTextTest, ColumnsThatTheServerWrites) {
  std::string_view row = "\\N\t\\b\\f\\v\t";
  std::string text = "something else";
  TakeCopyColumn(row, text);
  EXPECT_EQ(text, "") << "null";
  TakeCopyColumn(row, text);
  EXPECT_EQ(text, "\b\f\v");
  TakeCopyColumn(row, text);
  EXPECT_EQ(text, "");
}

TEST(CopyTextTest, Times) {
  CopyTimeWriter writer;
  const auto text = [&](int64_t micros) {
    ByteBuffer out;
    writer.Append(out, micros);
    return std::string(out.view());
  };
  EXPECT_EQ(text(0), "1970-01-01 00:00:00+00");
  EXPECT_EQ(text(1), "1970-01-01 00:00:00.000001+00");
  EXPECT_EQ(text(-1), "1969-12-31 23:59:59.999999+00");
  EXPECT_EQ(text(1'796'008'365'120'000), "2026-11-30 03:12:45.12+00");
  EXPECT_EQ(text(1'796'008'366'000'000), "2026-11-30 03:12:46+00") << "on the same day";
  EXPECT_EQ(text(951'782'400'000'000), "2000-02-29 00:00:00+00");
  EXPECT_EQ(text(253'402'300'800'000'000), "10000-01-01 00:00:00+00");
  EXPECT_EQ(text(-62'135'596'800'000'000), "0001-01-01 00:00:00+00");
  EXPECT_EQ(text(-62'135'596'800'000'001), "0001-12-31 23:59:59.999999+00 BC");
  EXPECT_EQ(text(-210'866'803'200'000'000), "4714-11-24 00:00:00+00 BC");
  EXPECT_EQ(text(std::numeric_limits<int64_t>::max()), "294247-01-10 04:00:54.775807+00");
}

}  // namespace
}  // namespace millrace::postgres
