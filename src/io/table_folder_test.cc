#include "io/table_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/strings.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class TableFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = StrCat(testing::TempDir(), "tables-", getpid(), "-",
                     testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    folder_ = std::filesystem::canonical(folder_).string();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name) {
    const std::filesystem::path path = Path(name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << "x";
  }
  std::string Path(const std::string& name) const { return StrCat(folder_, "/", name); }

  std::string Refused(const std::string& input) {
    const absl::Status status = RefuseTableFolder(*store_, Path(input));
    EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
    return std::string(ToStd(status.message()));
  }

  std::string folder_;
  const std::unique_ptr<ObjectStore> store_ = NewLocalObjectStore();
};

TEST_F(TableFolderTest, RefusesTheFoldersOfTables) {
  Write("d/part-0.parquet");
  Write("d/_delta_log/00000000000000000000.json");
  Write("i/data/0.parquet");
  Write("i/metadata/00001-abc.metadata.json");
  Write("h/0.parquet");
  Write("h/.hoodie/hoodie.properties");
  EXPECT_THAT(Refused("d"),
              AllOf(HasSubstr(Path("d") + " is a Delta table: its files hold deleted"),
                    HasSubstr("--as-files")));
  EXPECT_THAT(Refused("d/"), HasSubstr("a Delta table"));
  EXPECT_THAT(Refused("d/*.parquet"), HasSubstr("a Delta table"));
  EXPECT_THAT(Refused("i"), HasSubstr("an Iceberg table: its files hold deleted rows"));
  EXPECT_THAT(Refused("h/**/*.parquet"), HasSubstr("a Hudi table"));
}

TEST_F(TableFolderTest, RefusesPartitionsOfATable) {
  Write("d/day=1/hour=2/part-0.parquet");
  Write("d/_delta_log/00000000000000000000.json");
  EXPECT_THAT(Refused("d/day=1"), HasSubstr("a Delta table"));
  EXPECT_THAT(Refused("d/day=1/hour=2/*.parquet"), HasSubstr("a Delta table"));
  EXPECT_THAT(Refused("d/day=*/hour=2/*"), HasSubstr("a Delta table"));
}

TEST_F(TableFolderTest, TakesEverythingElse) {
  Write("f/part-0.parquet");
  Write("f/metadata/notes.json");
  Write("f/_SUCCESS");
  EXPECT_EQ(Refused("f"), "");
  EXPECT_EQ(Refused("f/part-0.parquet"), "");
  EXPECT_EQ(Refused("missing"), "");
  Write("d/_delta_log/0.json");
  EXPECT_EQ(Refused("*"), "") << "tables below are found as they are listed";
}

TEST_F(TableFolderTest, AGuardAsksOnceAndNotForSingleObjects) {
  Write("d/part-0.parquet");
  Write("d/_delta_log/0.json");
  const ObjectInfo file{.uri = Path("d/part-0.parquet")};
  EXPECT_FALSE(TableGuard(*store_, Path("d"), /*as_files=*/false).OnObject(file).ok());
  EXPECT_TRUE(TableGuard(*store_, Path("d"), /*as_files=*/true).OnObject(file).ok());
  EXPECT_TRUE(TableGuard(*store_, file.uri, /*as_files=*/false).OnObject(file).ok());
  EXPECT_FALSE(
      TableGuard(*store_, Path(""), /*as_files=*/false).OnHidden(Path("d/_delta_log/")).ok());
}

TEST_F(TableFolderTest, AGuardKnowsTheTablesThatAGlobReaches) {
  Write("lake/ev1/a.csv");
  Write("lake/ev1/_delta_log/0.json");
  Write("hv/day=1/a.csv");
  Write("hv/.hoodie/hoodie.properties");
  Write("ice/data/x/a.csv");
  Write("ice/metadata/v1.metadata.json");
  Write("plain/2024/01/a.csv");
  Write("plain/2024/02/a.csv");
  Write("de*/a.csv");
  Write("delta/_delta_log/0.json");
  std::filesystem::create_directory(Path("links"));
  std::filesystem::create_directory_symlink(Path("ice/data"), Path("links/a"));
  const auto listed = [&](const std::string& input) {
    TableGuard guard(*store_, input, /*as_files=*/false);
    return store_->List(input, [&](const ObjectInfo& object) { return guard.OnObject(object); });
  };
  for (const char* input :
       {"lake/*/*.csv", "la*/*/*.csv", "hv/day=*/*.csv", "h*/day=1/*.csv", "ice/data", "ice/data/x",
        "ice/*/x/*", "links/*/**/*.csv", "**/*.csv", "lake", "links/a"}) {
    const absl::Status status = listed(Path(input));
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << input << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("table: its files hold deleted rows"));
  }
  for (const char* input : {"plain", "pl*/*/*/*.csv", "de[*]/*.csv", "lake/ev1/a.csv"}) {
    EXPECT_TRUE(listed(Path(input)).ok()) << input << ": " << listed(Path(input));
  }
  const std::string relative = std::filesystem::relative(Path("lake/ev1/a.csv"));
  EXPECT_TRUE(listed(relative).ok()) << relative;
  EXPECT_FALSE(listed(std::filesystem::relative(Path("ice/data"))).ok());
}

TEST_F(TableFolderTest, KnowsTheLogOfATableByItsName) {
  EXPECT_THAT(std::string(RefuseTableLog("gs://b/t/_delta_log/").message()),
              HasSubstr("gs://b/t is a Delta table"));
  EXPECT_FALSE(RefuseTableLog("/a/t/.hoodie/").ok());
  EXPECT_FALSE(RefuseTableLog("s3://b/t/metadata/v3.metadata.json").ok());
  EXPECT_FALSE(RefuseTableLog("s3://b/t/metadata/v3.gz.metadata.json").ok());
  EXPECT_TRUE(RefuseTableLog("s3://b/t/metadata/").ok());
  EXPECT_TRUE(RefuseTableLog("s3://b/t/metadata/a.json").ok());
  EXPECT_TRUE(RefuseTableLog("s3://b/t/_SUCCESS").ok());
}

}  // namespace
}  // namespace millrace
