#include "connectors/mixpanel/export_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace millrace::mixpanel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Outcome {
  absl::Status status;
  std::vector<std::string> lines;
};

Outcome Read(std::string_view body, size_t piece, size_t max_line_bytes = 1 << 20) {
  Outcome outcome;
  ExportLines lines(
      [&](std::string_view line) {
        outcome.lines.emplace_back(line);
        return absl::OkStatus();
      },
      max_line_bytes);
  while (!body.empty() && outcome.status.ok()) {
    outcome.status = lines.Push(body.substr(0, piece));
    body.remove_prefix(std::min(piece, body.size()));
  }
  if (outcome.status.ok()) outcome.status = lines.Finish();
  return outcome;
}

// With the body cut into pieces of every size.
class ExportLinesTest : public ::testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(PieceSizes, ExportLinesTest, ::testing::Values(1, 2, 3, 7, 1000));

TEST_P(ExportLinesTest, GivesEachRecord) {
  const Outcome outcome = Read("{\"a\":1}\n{\"b\":2}\n", GetParam());
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(outcome.lines, ElementsAre("{\"a\":1}", "{\"b\":2}"));
}

TEST_P(ExportLinesTest, NeedsNoLastLineEndAndSkipsEmptyLines) {
  const Outcome outcome = Read("\n{\"a\":1}\r\n\r\n  \n{\"b\":2}", GetParam());
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(outcome.lines, ElementsAre("{\"a\":1}", "{\"b\":2}"));
}

TEST_P(ExportLinesTest, TakesAnEmptyBodyForNoEvents) {
  const Outcome outcome = Read("", GetParam());
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(outcome.lines, IsEmpty());
}

TEST_P(ExportLinesTest, KeepsTheBlanksWhereARecordIsSplit) {
  const Outcome outcome = Read("{\"a\":\"x \n y\"}\n {\"b\":\"\n  \nz\"} \r\n{}", GetParam());
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(outcome.lines, ElementsAre("{\"a\":\"x  y\"}", "{\"b\":\"  z\"}", "{}"));
}

TEST_P(ExportLinesTest, JoinsARecordThatIsSplit) {
  const Outcome outcome =
      Read("{\"a\":\n1}\n{\"b\":\"x\ny}\nz\"}\n{\"c\":\n{\"d\":3}}\n{}", GetParam());
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(outcome.lines,
              ElementsAre("{\"a\":1}", "{\"b\":\"xy}z\"}", "{\"c\":{\"d\":3}}", "{}"));
}

TEST_P(ExportLinesTest, SeesThatTheServerGaveUp) {
  for (const char* last : {"terminated early", "export terminated early", "terminated early\n"}) {
    const Outcome outcome = Read(std::string("{\"a\":1}\n{\"b\":2}\n") + last, GetParam());
    EXPECT_EQ(outcome.status.code(), absl::StatusCode::kUnavailable) << last;
  }
  EXPECT_EQ(Read("terminated early", GetParam()).status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Read("{\"a\":\"cut\nterminated early", GetParam()).status.code(),
            absl::StatusCode::kUnavailable);
  EXPECT_TRUE(Read("{\"a\":\"terminated early\"}", GetParam()).status.ok());
}

TEST_P(ExportLinesTest, SeesALastLineThatIsCut) {
  const std::string_view whole = "{\"event\":\"a\",\"properties\":{\"time\":1}}";
  for (size_t kept = 1; kept < whole.size(); ++kept) {
    const Outcome outcome = Read(whole.substr(0, kept), GetParam());
    EXPECT_EQ(outcome.status.code(), absl::StatusCode::kUnavailable) << kept;
    EXPECT_THAT(outcome.lines, IsEmpty());
  }
}

TEST_P(ExportLinesTest, RefusesWhatIsNoRecord) {
  for (const char* body : {"Internal error\n{}\n", "<html>\n", "{\"a\":1}\nInternal error\n{}\n",
                           "{\"a\":1}\n[1]\n"}) {
    EXPECT_EQ(Read(body, GetParam()).status.code(), absl::StatusCode::kUnavailable) << body;
  }
}

TEST_P(ExportLinesTest, BoundsALine) {
  const std::string line = "{\"a\":\"" + std::string(100, 'x') + "\"}";
  EXPECT_TRUE(Read(line + "\n" + line, GetParam(), line.size()).status.ok());
  EXPECT_EQ(Read(line + "\n" + line, GetParam(), line.size() - 1).status.code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(Read("{\"a\":\nx\nx\nx\nx\nx\nx\nx\nx\n", GetParam(), 10).status.code(),
            absl::StatusCode::kDataLoss);
}

TEST(ExportLines, EndWithTheReadersStatus) {
  ExportLines lines([](std::string_view) { return absl::AbortedError("enough"); });
  EXPECT_EQ(lines.Push("{}\n{}\n"), absl::AbortedError("enough"));
}

}  // namespace
}  // namespace millrace::mixpanel
