#include "staypoints/output_overlap.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace millrace {
namespace {

namespace fs = std::filesystem;

class OutputOverlapTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "millrace-overlap-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = fs::canonical(pattern).string() + "/";
    fs::create_directories(folder_ + "trips/2026");
    std::ofstream(folder_ + "trips/2026/a.csv") << "x";
  }
  void TearDown() override { fs::remove_all(folder_); }

  // What is wrong with it: "contains", "is inside", "" or the message.
  static std::string Check(const RunPlaces& places) {
    const absl::Status status = CheckPlacesAreApart(places);
    if (status.ok()) return "";
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    for (const std::string relation : {"contains", "is inside"}) {
      if (status.message().find(" " + relation + " the input") != status.message().npos) {
        return relation;
      }
    }
    return std::string(status.message());
  }
  std::string Local(const std::string& output, const std::string& input,
                    const std::vector<std::string>& files = {}) const {
    std::vector<TripFile> listed;
    for (const std::string& file : files) listed.push_back(FileOf(folder_ + file));
    const std::vector<std::string> inputs = {folder_ + input};
    return Check({.inputs = inputs, .files = listed, .output = folder_ + output, .report = ""});
  }
  static std::string InBucket(const std::string& output, const std::string& input,
                              const std::vector<std::string>& files = {}) {
    std::vector<TripFile> listed;
    for (const std::string& file : files) listed.push_back(FileOf(file));
    const std::vector<std::string> inputs = {input};
    return Check({.inputs = inputs, .files = listed, .output = output, .report = ""});
  }
  static TripFile FileOf(const std::string& uri) {
    TripFile file;
    file.object.uri = uri;
    return file;
  }

  std::string folder_;
};

TEST_F(OutputOverlapTest, FoldersOnDisk) {
  EXPECT_EQ(Local("trips", "trips"), "contains");
  EXPECT_EQ(Local("trips/", "trips/../trips/."), "contains");
  EXPECT_EQ(Local(".", "trips"), "contains");
  EXPECT_EQ(Local("trips", "trips/2026/a.csv"), "contains");
  EXPECT_EQ(Local("trips/out", "trips"), "is inside");
  EXPECT_EQ(Local("trips/2026/new/out", "trips"), "is inside");
  EXPECT_EQ(Local("trips-out", "trips"), "");
  EXPECT_EQ(Local("out", "trips"), "");
  EXPECT_EQ(Local("trips/out", "trips/2026"), "");
}

TEST_F(OutputOverlapTest, GlobsOnDisk) {
  EXPECT_EQ(Local("trips/out", "trips/**/*.csv"), "is inside");
  EXPECT_EQ(Local("trips/out", "trips/*/*.json"), "is inside");
  EXPECT_EQ(Local("trips/2026", "trips/2026/*.csv"), "contains");
  EXPECT_EQ(Local("trips", "trips/2026/*.csv"), "contains");
  EXPECT_EQ(Local("trips/2026/out", "trips/2026/*.csv"), "");
  EXPECT_EQ(Local("out", "t*/**"), "");
  EXPECT_EQ(Local("out", "**/*.csv"), "is inside");
  EXPECT_EQ(Local("_out", "**/*.csv"), "");  // hidden, so it is never read
}

TEST_F(OutputOverlapTest, LinksAreResolved) {
  fs::create_directory_symlink(folder_ + "trips", folder_ + "link");
  fs::create_directory(folder_ + "elsewhere");
  std::ofstream(folder_ + "elsewhere/b.csv") << "x";
  fs::create_symlink(folder_ + "elsewhere/b.csv", folder_ + "trips/b.csv");
  EXPECT_EQ(Local("link", "trips"), "contains");
  EXPECT_EQ(Local("trips/2026", "link"), "is inside");
  EXPECT_EQ(Local("link/../out", "trips"), "");
  EXPECT_EQ(Local("elsewhere", "trips", {"trips/2026/a.csv"}), "");
  EXPECT_EQ(Local("elsewhere", "trips", {"trips/2026/a.csv", "trips/b.csv"}), "contains");
}

TEST_F(OutputOverlapTest, FileUrisAreTheSamePlaces) {
  fs::create_directory(folder_ + "a b");
  const std::vector<std::string> inputs = {"file://" + folder_ + "a%20b"};
  EXPECT_EQ(Check({.inputs = inputs, .files = {}, .output = folder_ + "a b", .report = ""}),
            "contains");
  EXPECT_EQ(
      Check(
          {.inputs = inputs, .files = {}, .output = "file://" + folder_ + "a%20b/c", .report = ""}),
      "is inside");
}

TEST_F(OutputOverlapTest, Buckets) {
  EXPECT_EQ(InBucket("gs://b/trips", "gs://b/trips/"), "contains");
  EXPECT_EQ(InBucket("gs://b", "gs://b/trips/a.csv"), "contains");
  EXPECT_EQ(InBucket("gs://b/trips/out/", "gs://b/trips"), "is inside");
  EXPECT_EQ(InBucket("gs://b/out", "gs://b"), "is inside");
  EXPECT_EQ(InBucket("gs://b/trips/out", "gs://b/trips/**/*.csv"), "is inside");
  EXPECT_EQ(InBucket("gs://b/trips/out", "gs://b/trips/*.csv"), "");
  EXPECT_EQ(InBucket("gs://b/a[1]/out", "gs://b/a[1]"), "is inside");
  EXPECT_EQ(InBucket("gs://b/trips-out", "gs://b/trips"), "");
  EXPECT_EQ(InBucket("gs://other/trips", "gs://b/trips"), "");
  EXPECT_EQ(InBucket("s3://b/trips", "gs://b/trips"), "");
  EXPECT_EQ(InBucket("s3://b/k", "s3://b/t", {"s3://b/k/a.csv"}), "contains");
  EXPECT_EQ(InBucket("s3://b/k", "s3://b/t", {"s3://b/k.csv"}), "");
}

TEST_F(OutputOverlapTest, ContainersOfAzureInEverySpelling) {
  const std::string full = "abfss://c@account.dfs.core.windows.net/trips";
  EXPECT_EQ(InBucket("az://c/trips", full), "contains");
  EXPECT_EQ(InBucket(full, "azure://c/trips"), "contains");
  EXPECT_EQ(InBucket(full, "abfs://c@account.blob.core.windows.net/trips"), "contains");
  EXPECT_EQ(InBucket(full, "abfss://c@other.dfs.core.windows.net/trips"), "");
}

TEST_F(OutputOverlapTest, DiskAndBucketsHaveNothingInCommon) {
  EXPECT_EQ(InBucket("gs://b/trips", folder_ + "trips"), "");
  EXPECT_EQ(InBucket(folder_ + "trips", "gs://b/trips"), "");
}

TEST_F(OutputOverlapTest, TheReport) {
  const std::vector<TripFile> files = {FileOf(folder_ + "trips/2026/a.csv")};
  const auto check = [&](const std::string& report) {
    return Check({.inputs = {}, .files = files, .output = folder_ + "out", .report = report});
  };
  EXPECT_EQ(check(folder_ + "report.html"), "");
  EXPECT_EQ(check("/dev/null"), "");
  EXPECT_NE(check(folder_ + "trips/2026/a.csv").find("one of the inputs"), std::string::npos);
  EXPECT_NE(check(folder_ + "out/report.html").find("inside the output"), std::string::npos);
}

}  // namespace
}  // namespace millrace
