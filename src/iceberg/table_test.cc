#include "iceberg/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/strings.h"
#include "formats/testing/avro_writer.h"
#include "io/durable_file.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

constexpr std::string_view kListSchema = R"({"type":"record","name":"manifest_file","fields":[
  {"name":"manifest_path","type":"string"},{"name":"partition_spec_id","type":"int"},
  {"name":"content","type":"int"},{"name":"sequence_number","type":"long"}]})";

constexpr std::string_view kEntrySchema = R"({"type":"record","name":"manifest_entry","fields":[
  {"name":"status","type":"int"},{"name":"sequence_number","type":["null","long"]},
  {"name":"snapshot_id","type":["null","long"]},
  {"name":"data_file","type":{"type":"record","name":"r2","fields":[
    {"name":"content","type":"int"},{"name":"file_path","type":"string"},
    {"name":"file_format","type":"string"},
    {"name":"partition","type":{"type":"record","name":"r102","fields":[]}},
    {"name":"record_count","type":"long"},{"name":"file_size_in_bytes","type":"long"}]}}]})";

struct Entry {
  int64_t status = 1;
  std::optional<int64_t> sequence;
  std::optional<int64_t> snapshot;
  int64_t content = 0;
  std::string path;
  std::string format = "PARQUET";
  int64_t bytes = 4;
};

// A table on disk whose data files hold "data": plans do not look into them.
class IcebergTableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              StrCat("iceberg_", ::testing::UnitTest::GetInstance()->current_test_info()->name(),
                     ".", getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "metadata");
    fs::create_directories(folder_ / "data");
    folder_ = fs::canonical(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void Write(const std::string& name, std::string_view bytes) {
    ASSERT_TRUE(ReplaceFile((folder_ / name).string(), bytes).ok());
  }
  std::string Path(std::string_view name) const { return StrCat(folder_.string(), "/", name); }

  std::string Metadata(std::string_view location) const {
    return StrCat(R"({"format-version":2,"location":")", location,
                  R"(","last-updated-ms":1,"current-schema-id":0,"schemas":[{"schema-id":0,
                  "fields":[{"id":1,"name":"a","required":false,"type":"string"}]}],
                  "partition-specs":[{"spec-id":0,"fields":[]}],"current-snapshot-id":1,
                  "snapshots":[{"snapshot-id":1,"timestamp-ms":1,"manifest-list":")",
                  location, R"(/metadata/list.avro"}]})");
  }

  // A table of one manifest with these entries.
  void WriteTable(const std::string& location, const std::vector<Entry>& entries,
                  int64_t content = 0) {
    std::string values;
    for (const Entry& entry : entries) {
      AvroBytes bytes;
      bytes.Long(entry.status);
      for (const std::optional<int64_t>& number : {entry.sequence, entry.snapshot}) {
        bytes.Long(number ? 1 : 0);
        if (number) bytes.Long(*number);
      }
      bytes.Long(entry.content).Bytes(entry.path).Bytes(entry.format).Long(10).Long(entry.bytes);
      values += bytes.str();
    }
    Write("metadata/m.avro", AvroFile(kEntrySchema, static_cast<int64_t>(entries.size()), values));
    Write(
        "metadata/list.avro",
        AvroFile(
            kListSchema, 1,
            AvroBytes().Bytes(location + "/metadata/m.avro").Long(0).Long(content).Long(7).str()));
    Write("metadata/00000-a.metadata.json", Metadata(location));
  }

  absl::StatusOr<IcebergPlan> Plan() {
    auto table =
        IcebergTable::Open([this](std::string_view) { return store_.get(); }, folder_.string(), {});
    if (!table.ok()) return table.status();
    return table->PlanFiles({});
  }
  absl::Status Failure() { return Plan().status(); }

  fs::path folder_;
  const std::unique_ptr<ObjectStore> store_ = NewLocalObjectStore();
};

TEST_F(IcebergTableTest, PlansLiveFiles) {
  Write("data/a", "data");
  Write("data/b", "data");
  WriteTable(folder_.string(), {{.path = Path("data/a")},
                                {.status = 0, .sequence = 3, .path = "file://" + Path("data/b")},
                                {.status = 2, .sequence = 3, .path = Path("data/gone")}});
  const auto plan = Plan();
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->files.size(), 2u);
  EXPECT_EQ(plan->files[0].object.info.uri, Path("data/a"));
  EXPECT_EQ(plan->files[0].sequence_number, 7);  // that of the manifest
  EXPECT_EQ(plan->files[1].object.info.uri, Path("data/b"));
  EXPECT_EQ(plan->files[1].sequence_number, 3);
  EXPECT_EQ(plan->files[1].rows, 10u);
}

TEST_F(IcebergTableTest, ChangesAreThoseOfOneSnapshot) {
  WriteTable(folder_.string(), {{.snapshot = 1, .path = "/added"},
                                {.status = 0, .sequence = 3, .snapshot = 5, .path = "/older"},
                                {.status = 2, .sequence = 3, .snapshot = 1, .path = "/removed"},
                                {.status = 2, .sequence = 3, .snapshot = 5, .path = "/before"}});
  auto table =
      IcebergTable::Open([this](std::string_view) { return store_.get(); }, folder_.string(), {});
  ASSERT_TRUE(table.ok());
  auto changes = table->ChangesOf(*table->snapshot(), {});
  ASSERT_TRUE(changes.ok()) << changes.status();
  EXPECT_THAT(changes->added, ElementsAre("/added"));
  EXPECT_THAT(changes->removed, ElementsAre("/removed"));
  fs::remove(folder_ / "metadata/m.avro");
  EXPECT_EQ(table->ChangesOf(*table->snapshot(), {}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(IcebergTableTest, AMovedTableIsFoundBelowItsFolder) {
  Write("data/a", "data");
  for (const char* location : {"/was/here", "file:/was/here", "s3a://bucket/table"}) {
    WriteTable(location, {{.path = StrCat(location, "/data/a")}});
    const auto plan = Plan();
    ASSERT_TRUE(plan.ok()) << location << ": " << plan.status();
    EXPECT_EQ(plan->files[0].object.info.uri, Path("data/a"));
  }
  WriteTable("/was/here", {{.path = "/was/here/data/../../../etc/a"}});
  EXPECT_EQ(Failure().code(), absl::StatusCode::kNotFound);
}

TEST_F(IcebergTableTest, ReportsMissingAndChangedFiles) {
  Write("data/a", "data");
  WriteTable(folder_.string(), {{.path = Path("data/b")}});
  EXPECT_THAT(Failure().message(), HasSubstr("lists a file that no longer exists"));
  WriteTable(folder_.string(), {{.path = Path("data/a"), .bytes = 5}});
  EXPECT_THAT(Failure().message(), HasSubstr("has 4 bytes, but the table says 5"));
  WriteTable(folder_.string(), {{.path = Path("data/a"), .format = "ORC"}});
  EXPECT_EQ(Failure().code(), absl::StatusCode::kUnimplemented);
  WriteTable(folder_.string(), {{.content = 1, .path = Path("data/a"), .format = "PUFFIN"}}, 1);
  EXPECT_THAT(Failure().message(), HasSubstr("deletion vector"));
  WriteTable(folder_.string(), {{.status = 0, .path = Path("data/a")}});
  EXPECT_THAT(Failure().message(), HasSubstr("sequence_number"));
  fs::remove(folder_ / "metadata/m.avro");
  EXPECT_THAT(Failure().message(), HasSubstr("m.avro"));
  Write("metadata/list.avro", "Obj\1");
  EXPECT_EQ(Failure().code(), absl::StatusCode::kDataLoss);
  fs::remove(folder_ / "metadata/00000-a.metadata.json");
  EXPECT_EQ(Failure().code(), absl::StatusCode::kNotFound);
}

TEST_F(IcebergTableTest, TheHintIsFollowedToTheNewestVersion) {
  Write("data/a", "data");
  WriteTable(folder_.string(), {{.path = Path("data/a")}});
  fs::remove(folder_ / "metadata/00000-a.metadata.json");
  Write("metadata/version-hint.text", "2\n");
  EXPECT_EQ(Failure().code(), absl::StatusCode::kNotFound);
  Write("metadata/v2.metadata.json", "{}");
  EXPECT_EQ(Failure().code(), absl::StatusCode::kInvalidArgument);
  Write("metadata/v3.metadata.json", Metadata(folder_.string()));
  EXPECT_TRUE(Plan().ok()) << Failure();
  Write("metadata/version-hint.text", "../../etc/passwd");
  EXPECT_THAT(Failure().message(), HasSubstr("does not contain a version"));
}

TEST_F(IcebergTableTest, TwoFilesOfOneVersionAreAnError) {
  WriteTable(folder_.string(), {});
  EXPECT_TRUE(Plan().ok()) << Failure();
  Write("metadata/00000-b.metadata.json", Metadata(folder_.string()));
  EXPECT_THAT(Failure().message(), HasSubstr("two metadata files have the version 0"));
  Write("metadata/00001-a.metadata.json", Metadata(folder_.string()));
  EXPECT_TRUE(Plan().ok()) << Failure();
}

}  // namespace
}  // namespace millrace
