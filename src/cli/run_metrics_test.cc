#include "cli/run_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/strings.h"

namespace millrace::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class RunMetricsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "millrace-metrics-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    flags_.file = folder_ + "/nightly.prom";
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Content() const {
    std::ifstream file(flags_.file);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static absl::StatusOr<int> Succeed(RunMetrics& metrics) {
    int rows = 0;
    const auto following = metrics.Follow([&rows](MetricsText& page) {
      page.Add(metrics::kRowsRead, rows, {{"destination", "lake"}});
    });
    if (!following.ok()) return following.status();
    rows = 7;
    return kRejectedRecords;
  }

  std::string folder_;
  RunMetricsFlags flags_;
};

TEST_F(RunMetricsTest, TheFileHasTheLastValuesAndHowTheRunEnded) {
  flags_.interval = absl::Hours(1);
  const absl::StatusOr<int> code = flags_.Run(Succeed);
  ASSERT_TRUE(code.ok());
  EXPECT_EQ(*code, kRejectedRecords);
  const std::string page = Content();
  EXPECT_THAT(page,
              HasSubstr("millrace_rows_read_total{run=\"nightly\",destination=\"lake\"} 7\n"));
  EXPECT_THAT(page, HasSubstr("\nmillrace_run_exit_status{run=\"nightly\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("\nmillrace_run_interval_seconds{run=\"nightly\"} 3600\n"));
  EXPECT_THAT(page, ContainsRegex("\nmillrace_run_end_timestamp_seconds.run=.nightly.. [1-9]"));
  EXPECT_THAT(page, ContainsRegex("\nmillrace_run_peak_memory_bytes.run=.nightly.. [1-9]"));
  // node_exporter has metrics of these names.
  EXPECT_THAT(page, Not(HasSubstr("process_")));
}

TEST_F(RunMetricsTest, AnErrorIsAResult) {
  ASSERT_TRUE(flags_.Run(Succeed).ok());
  const absl::StatusOr<int> code =
      flags_.Run([](RunMetrics&) { return absl::UnavailableError("no network"); });
  EXPECT_EQ(code.status().message(), "no network");
  EXPECT_THAT(Content(), HasSubstr("\nmillrace_run_exit_status{run=\"nightly\"} 3\n"));
  EXPECT_THAT(Content(), Not(HasSubstr("millrace_rows_read_total")));
  EXPECT_THAT(Content(), Not(HasSubstr("millrace_run_interval_seconds")));
}

TEST_F(RunMetricsTest, EveryoneMayReadTheFileAndNothingElseIsLeft) {
  ASSERT_TRUE(flags_.Run(Succeed).ok());
  const auto mode = fs::status(flags_.file).permissions();
  EXPECT_NE(mode & fs::perms::group_read, fs::perms::none);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
}

TEST_F(RunMetricsTest, WithoutAFileNothingIsWritten) {
  flags_.file.clear();
  ASSERT_TRUE(flags_.Run(Succeed).ok());
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(RunMetricsTest, AFileThatCannotBeWrittenAfterTheRunDoesNotFailIt) {
  const absl::StatusOr<int> code = flags_.Run([this](RunMetrics& metrics) {
    fs::create_directory(flags_.file);  // no file replaces a folder
    return Succeed(metrics);
  });
  ASSERT_TRUE(code.ok());
  EXPECT_EQ(*code, kRejectedRecords);
}

TEST_F(RunMetricsTest, WrongFlagsAreRefusedBeforeTheRun) {
  const auto run = [this] {
    return flags_
        .Run([](RunMetrics&) -> absl::StatusOr<int> {
          ADD_FAILURE() << "ran";
          return 0;
        })
        .status();
  };
  flags_.file = folder_ + "/nightly.txt";
  EXPECT_THAT(std::string(run().message()), HasSubstr("NAME.prom"));
  flags_.file = folder_ + "/.prom";
  EXPECT_THAT(std::string(run().message()), HasSubstr("NAME.prom"));
  std::ofstream(folder_ + "/file") << "x";
  flags_.file = folder_ + "/file/nightly.prom";
  EXPECT_EQ(run().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(run().message()), HasSubstr("--metrics-file"));
  flags_.file.clear();
  flags_.interval = absl::Hours(1);
  EXPECT_THAT(std::string(run().message()), HasSubstr("--run-interval needs --metrics-file"));
}

}  // namespace
}  // namespace millrace::cli
