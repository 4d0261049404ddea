// The contract of staged destinations, kept by tables in a folder; and what becomes of tables that
// exist already, or are changed by others.
#include "connectors/iceberg/iceberg_staging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/iceberg/append_target.h"
#include "connectors/iceberg/folder_catalog.h"
#include "formats/table_rows.h"
#include "iceberg/file_describer.h"
#include "iceberg/manifest_writer.h"
#include "iceberg/table.h"
#include "io/input_stream.h"
#include "io/testing/faulty_store.h"
#include "pipeline/testing/staging_contract.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using data_files::FileStore;
using iceberg::Catalog;
using iceberg::IcebergSpec;
using iceberg::LoadedTable;
using testing::AllOf;
using testing::HasSubstr;

std::string Event(int n, std::string_view time = "1796008365") {
  return StrCat(R"({"event":"e","properties":{"time":)", time, R"(,"distinct_id":"u)", n, "\"}}");
}

// Counts distinct_id of all rows.
class Counter : public RowVisitor {
 public:
  void OnRow(const Row& row) override {
    for (size_t i = 0; i < row.values.size(); ++i) {
      if (row.shape->names[i] == "distinct_id") ++ids[std::string(row.values[i].text)];
    }
  }
  void OnBadRow(uint64_t, const absl::Status& why, std::string_view) override {
    ADD_FAILURE() << why;
  }
  std::map<std::string, int> ids;
};

// The table of events in a folder of its own.
struct TestTable {
  explicit TestTable(std::string_view query = "")
      : root(MakeRoot()),
        spec(*IcebergSpec::Parse(StrCat("iceberg:", root, "?", query))),
        form(*TableForm::Make(RecordType::kEvent, spec.extra_columns)),
        store(spec.root + "events/",
              [this](std::stop_token stop) {
                auto opened = std::make_unique<FaultyStore>(std::move(stop));
                faults = opened.get();
                return opened;
              }),
        catalog(iceberg::NewFolderCatalog(store, Clock::Real())) {}
  ~TestTable() { fs::remove_all(root); }

  static std::string MakeRoot() {
    std::string folder = testing::TempDir() + "mrice_XXXXXX";
    EXPECT_NE(::mkdtemp(folder.data()), nullptr);
    return fs::canonical(folder).string() + "/";
  }

  std::unique_ptr<Staging> NewStaging() {
    return iceberg::NewIcebergStaging({.spec = spec,
                                       .form = form,
                                       .catalog = *catalog,
                                       .store_at = [this](const std::string&) { return &store; },
                                       .traffic = traffic,
                                       .clock = Clock::Real()},
                                      testing::TempDir());
  }

  LoadedTable Load() {
    absl::StatusOr<LoadedTable> table = catalog->Load({});
    EXPECT_TRUE(table.ok()) << table.status();
    return table.ok() ? *std::move(table) : LoadedTable();
  }

  // As readers see it.
  std::map<std::string, int> Ids() {
    Counter counter;
    auto table = IcebergTable::Open([this](std::string_view) { return &store.objects(); },
                                    spec.root + "events", {});
    if (absl::IsNotFound(table.status())) return {};
    EXPECT_TRUE(table.ok()) << table.status();
    const auto plan = table->PlanFiles({});
    EXPECT_TRUE(plan.ok()) << plan.status();
    if (!plan.ok()) return {};
    const FileDescriber describer(table->schema());
    DecodeScratch scratch;
    for (const IcebergFile& file : plan->files) {
      auto object = file.object.store->Open(file.object.info);
      EXPECT_TRUE(object.ok()) << object.status();
      const auto rows = OpenTableRows(*std::move(object), describer.Describe(file), {});
      EXPECT_TRUE(rows.ok()) << rows.status();
      for (;;) {
        const auto chunk = (*rows)->Read({});
        EXPECT_TRUE(chunk.ok()) << chunk.status();
        if (!chunk.ok() || *chunk == nullptr) break;
        (*chunk)->ForEachRow(scratch, counter);
      }
    }
    return counter.ids;
  }

  std::vector<std::string> Files(std::string_view folder) const {
    std::vector<std::string> files;
    const fs::path below = fs::path(root) / "events" / folder;
    if (!fs::exists(below)) return files;
    for (const auto& entry : fs::recursive_directory_iterator(below)) {
      if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(below).string());
    }
    return files;
  }

  FaultyStore* faults = nullptr;
  const std::string root;
  const IcebergSpec spec;
  const TableForm form;
  FileStore store;
  const std::unique_ptr<Catalog> catalog;
  Traffic traffic;
};

class IcebergFixture : public StagingFixture {
 public:
  std::unique_ptr<Staging> NewStaging() override { return table_.NewStaging(); }
  // In several partitions.
  std::string GoodRow(int n) override { return Event(n, StrCat(1796008365 + 40'000 * (n % 4))); }
  std::string BadRow(int n) override { return Event(n, "\"yesterday\""); }
  std::string RowRefusedByCommit(int) override { return ""; }
  int Visible(int n) override {
    const std::map<std::string, int> ids = table_.Ids();
    const auto found = ids.find(StrCat("u", n));
    return found == ids.end() ? 0 : found->second;
  }
  bool FailNextCommit(Failure how) override {
    switch (how) {
      case Failure::kNothingDone:
        table_.faults->FailCall(0, /*with_effect=*/false);
        return true;
      case Failure::kHalfDone:
        table_.faults->FailCall(1, /*with_effect=*/false);
        return true;
      case Failure::kAllDone:
        table_.faults->FailCall(2, /*with_effect=*/true);  // after the moves of two files
        return true;
      case Failure::kArrivesLate:
        table_.faults->DelayNextCreate();
        return true;
    }
    return false;
  }
  void DeliverLate() override { table_.faults->DeliverLate(); }
  bool LosePart(const std::string& part) override {
    return table_.store.objects().Remove(table_.store.Uri(part)).ok();
  }

 private:
  TestTable table_;
};

std::unique_ptr<StagingFixture> Make() { return std::make_unique<IcebergFixture>(); }
INSTANTIATE_TEST_SUITE_P(Iceberg, StagingContract, testing::Values(Make));

class IcebergStagingTest : public testing::Test {
 protected:
  static void Stage(StagedSink& sink, int first, int rows, std::string_view time = "1796008365") {
    Batch batch;
    for (int n = first; n < first + rows; ++n) {
      batch.bytes.Append(Event(n, time));
      batch.EndRow(static_cast<uint64_t>(n));
    }
    const WriteResult result = sink.Stage(batch, {}, {});
    ASSERT_TRUE(result.durable()) << result.status();
  }
  static Intent Seal(StagedSink& sink, int n) {
    Intent intent{.id = ToHex(HashBytes(StrCat("commit ", n)))};
    const auto parts = sink.Seal(intent.id, {});
    EXPECT_TRUE(parts.ok()) << parts.status();
    if (parts.ok()) intent.parts = *parts;
    return intent;
  }
  static void Commit(Staging& staging, const Intent& intent) {
    const CommitResult result = staging.NewCommitter()->Commit(intent, {});
    ASSERT_EQ(result.kind, CommitResult::Kind::kCommitted) << result.status;
  }
  // One commit of `rows` rows, whose number is `n`.
  static void Append(TestTable& table, int n, int first, int rows) {
    const auto staging = table.NewStaging();
    const auto sink = staging->NewSink();
    Stage(*sink, first, rows);
    Commit(*staging, Seal(*sink, n));
  }
  static absl::Status Prepare(TestTable& table) {
    return iceberg::PrepareTable(*table.catalog, table.spec, table.form, {}).status();
  }
  // A table whose metadata `change` has changed before anything is written.
  static void Change(TestTable& table, std::string_view from, std::string_view to) {
    ASSERT_TRUE(Prepare(table).ok());
    LoadedTable loaded = table.Load();
    const size_t at = loaded.text.find(from);
    ASSERT_NE(at, std::string::npos) << loaded.text;
    std::ofstream(loaded.file) << loaded.text.replace(at, from.size(), to);
  }
};

TEST_F(IcebergStagingTest, CommitsAreSnapshotsOneAfterAnother) {
  TestTable table;
  for (int n = 0; n < 25; ++n) Append(table, n, 10 * n, 10);
  const IcebergMetadata metadata = table.Load().metadata;
  ASSERT_EQ(metadata.snapshots.size(), 25u);
  for (size_t i = 0; i < metadata.snapshots.size(); ++i) {
    const IcebergSnapshot& snapshot = metadata.snapshots[i];
    EXPECT_EQ(snapshot.sequence_number, static_cast<int64_t>(i) + 1);
    EXPECT_EQ(snapshot.summary.at("total-records"), StrCat(10 * (i + 1)));
    EXPECT_EQ(snapshot.summary.at("added-records"), "10");
    EXPECT_THAT(snapshot.summary.at("millrace.commits"),
                testing::EndsWith(ToHex(HashBytes(StrCat("commit ", i))).substr(0, 16)));
  }
  EXPECT_EQ(metadata.current_snapshot_id, metadata.snapshots.back().id);
  // Ten of them.
  EXPECT_EQ(metadata.snapshots.back().summary.at("millrace.commits").size(), 10 * 17 - 1u);
  EXPECT_EQ(table.Ids().size(), 250u);
  EXPECT_EQ(table.Files("data").size(), 25u);
  EXPECT_TRUE(table.Files("_millrace").empty());
}

TEST_F(IcebergStagingTest, ACommitIsFoundWhenItsSnapshotHasExpired) {
  TestTable table;
  const auto staging = table.NewStaging();
  const auto sink = staging->NewSink();
  Stage(*sink, 0, 3);
  const Intent first = Seal(*sink, 1);
  Commit(*staging, first);
  Stage(*sink, 3, 3);
  Commit(*staging, Seal(*sink, 2));
  // What is left says nothing of commits, but has the manifest.
  LoadedTable loaded = table.Load();
  auto json = nlohmann::ordered_json::parse(loaded.text);
  json["snapshots"].erase(0);
  json["snapshots"][0]["summary"].erase("millrace.commits");
  std::ofstream(loaded.file) << json;
  Commit(*staging, first);
  EXPECT_EQ(table.Ids().size(), 6u);
  EXPECT_EQ(table.Load().metadata.snapshots.size(), 1u);
}

TEST_F(IcebergStagingTest, WritersThatCommitAtTheSameTimeTryAgain) {
  TestTable table;
  const auto one = table.NewStaging(), other = table.NewStaging();
  const auto sink_of_one = one->NewSink(), sink_of_other = other->NewSink();
  Stage(*sink_of_one, 0, 2);
  Stage(*sink_of_other, 2, 2);
  const Intent of_one = Seal(*sink_of_one, 1), of_other = Seal(*sink_of_other, 2);
  // The first one's request is on its way while the other commits.
  table.faults->DelayNextCreate();
  EXPECT_EQ(one->NewCommitter()->Commit(of_one, {}).kind, CommitResult::Kind::kRetry);
  Commit(*other, of_other);
  table.faults->DeliverLate();
  Commit(*one, of_one);
  EXPECT_EQ(table.Ids().size(), 4u);
  EXPECT_EQ(table.Load().metadata.last_sequence_number, 2);
}

TEST_F(IcebergStagingTest, AnAbandonedCommitLeavesASnapshotWithoutFiles) {
  TestTable table;
  const auto staging = table.NewStaging();
  const auto sink = staging->NewSink();
  Stage(*sink, 0, 2);
  const Intent intent = Seal(*sink, 1);
  ASSERT_TRUE(staging->NewCommitter()->Abandon(intent, {}).ok());
  const IcebergMetadata metadata = table.Load().metadata;
  ASSERT_EQ(metadata.snapshots.size(), 1u);
  EXPECT_EQ(metadata.snapshots[0].summary.at("millrace.commits"), "-" + intent.id.substr(0, 16));
  EXPECT_EQ(metadata.snapshots[0].summary.at("total-records"), "0");
  EXPECT_TRUE(table.Files("data").empty());
  EXPECT_TRUE(table.Files("_millrace").empty());
}

TEST_F(IcebergStagingTest, TheHintFollowsWhoeverWasKilledBeforeItWasWritten) {
  TestTable table;
  Append(table, 1, 0, 1);
  const auto staging = table.NewStaging();
  const auto sink = staging->NewSink();
  Stage(*sink, 1, 1);
  const Intent intent = Seal(*sink, 2);
  Commit(*staging, intent);
  const std::string hint = table.root + "events/metadata/version-hint.text";
  std::ofstream(hint) << "1";
  Commit(*table.NewStaging(), intent);
  std::string version;
  std::ifstream(hint) >> version;
  EXPECT_EQ(version, "3");
}

TEST_F(IcebergStagingTest, ColumnsAreAddedToATableThatLacksThem) {
  TestTable table;
  Append(table, 1, 0, 2);
  const auto wider =
      *IcebergSpec::Parse(StrCat("iceberg:", table.root, "?columns=plan,seats:integer"));
  const auto form = *TableForm::Make(RecordType::kEvent, wider.extra_columns);
  const auto target = iceberg::PrepareTable(*table.catalog, wider, form, {});
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_EQ(target->layout.field_ids, (std::vector<int32_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  const IcebergMetadata metadata = table.Load().metadata;
  EXPECT_EQ(metadata.schemas.size(), 2u);
  EXPECT_EQ(metadata.current_schema_id, 1);
  EXPECT_EQ(metadata.last_column_id, 11);
  EXPECT_EQ(target->schema.Find("seats")->type, "long");
  // The narrow form still fits.
  Append(table, 2, 2, 2);
  EXPECT_EQ(table.Ids().size(), 4u);
}

TEST_F(IcebergStagingTest, TablesThatRowsDoNotFitIntoAreLeftAlone) {
  const struct {
    std::string_view from, to;
    std::vector<std::string> message;
  } kCases[] = {
      {R"("name":"event_time","required":false,"type":"timestamptz")",
       R"("name":"event_time","required":false,"type":"timestamp")",
       {"column event_time of the type timestamp", "Millrace writes timestamptz"}},
      {R"("name":"token","required":false)",
       R"("name":"token","required":true)",
       {"requires a value in the column token", "make the column optional"}},
      {R"("transform":"day")",
       R"("transform":"bucket[16]")",
       {"is partitioned by bucket[16] of event_time", "hour, day, month or year"}},
      {R"("source-id":2)", R"("source-id":1)", {"is partitioned by day of event"}},
      {R"("format-version":2)", R"("format-version":1)", {"format version 1", "upgrade it"}},
      {R"("format-version":2)", R"("format-version":3)", {"format version 3"}},
      {"/events\"", "/elsewhere\"", {"says that the table is at", "can be read only"}}};
  for (const auto& one : kCases) {
    TestTable table;
    Change(table, one.from, one.to);
    const absl::Status status = Prepare(table);
    EXPECT_FALSE(status.ok()) << one.to;
    EXPECT_FALSE(absl::IsUnavailable(status)) << status;
    for (const std::string& part : one.message) {
      EXPECT_THAT(status.message(), HasSubstr(part)) << one.to;
    }
    EXPECT_THAT(status.message(), HasSubstr("events/"));
    EXPECT_EQ(table.Files("metadata").size(), 2u);
  }
}

TEST_F(IcebergStagingTest, ATableOfACatalogIsNotChangedBehindIt) {
  TestTable table;
  ASSERT_TRUE(Prepare(table).ok());
  const std::string metadata = table.root + "events/metadata/";
  fs::rename(metadata + "v1.metadata.json", metadata + "00000-1b4e.metadata.json");
  fs::remove(metadata + "version-hint.text");
  const absl::Status status = Prepare(table);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("name the catalog"));
}

TEST_F(IcebergStagingTest, ATableThatWasDroppedStopsTheRunAndIsMadeAgainByTheNext) {
  TestTable table;
  const auto staging = table.NewStaging();
  const auto sink = staging->NewSink();
  Stage(*sink, 0, 2);
  const Intent intent = Seal(*sink, 1);
  fs::remove_all(table.root + "events/metadata");
  const CommitResult result = staging->NewCommitter()->Commit(intent, {});
  EXPECT_EQ(result.kind, CommitResult::Kind::kStop);
  EXPECT_THAT(result.status.message(), HasSubstr("was dropped or changed while it was written"));
  const auto heir = table.NewStaging();
  EXPECT_EQ(heir->NewCommitter()->Commit(intent, {}).kind, CommitResult::Kind::kGone);
  ASSERT_TRUE(heir->NewCommitter()->Abandon(intent, {}).ok());
  Append(table, 2, 0, 2);
  EXPECT_EQ(table.Ids().size(), 2u);
}

// As if another process had sealed it before somebody changed the table.
TEST_F(IcebergStagingTest, AHeirCommitsFilesAsTheyWereSealed) {
  TestTable table;
  const auto staging = table.NewStaging();
  const auto sink = staging->NewSink();
  Stage(*sink, 0, 2);
  const Intent intent = Seal(*sink, 1);
  // The heir has columns of its own, and the table another partition.
  LoadedTable loaded = table.Load();
  auto json = nlohmann::ordered_json::parse(loaded.text);
  json["partition-specs"].push_back(json["partition-specs"][0]);
  json["partition-specs"][1]["spec-id"] = 1;
  json["partition-specs"][1]["fields"][0]["transform"] = "month";
  json["default-spec-id"] = 1;
  std::ofstream(loaded.file) << json;
  Commit(*table.NewStaging(), intent);
  EXPECT_EQ(table.Ids().size(), 2u);
  auto opened = IcebergTable::Open([&](std::string_view) { return &table.store.objects(); },
                                   table.root + "events", {});
  ASSERT_TRUE(opened.ok());
  // 2026-11-30 and the day after it.
  const int64_t day = 20787 * int64_t{86'400'000'000};
  const auto there = opened->PlanFiles({.range = TimeRange{day, day + 1}, .range_column = 2});
  const auto after = opened->PlanFiles(
      {.range = TimeRange{day + 86'400'000'000, day + 86'400'000'001}, .range_column = 2});
  ASSERT_TRUE(there.ok() && after.ok());
  EXPECT_EQ(after->files.size(), 0u);
  Append(table, 2, 2, 2);
  EXPECT_EQ(table.Ids().size(), 4u);
}

TEST_F(IcebergStagingTest, FilesOfATableThatWasMadeAgainAreNotCommittedToIt) {
  TestTable table;
  Intent intent;
  {
    const auto staging = table.NewStaging();
    const auto sink = staging->NewSink();
    Stage(*sink, 0, 2);
    intent = Seal(*sink, 1);
    // While the process lives, it is stopped.
    fs::remove_all(table.root + "events/metadata");
    fs::rename(table.root + "events/_millrace", table.root + "kept");
    ASSERT_TRUE(Prepare(table).ok());
    fs::rename(table.root + "kept", table.root + "events/_millrace");
    const CommitResult result = staging->NewCommitter()->Commit(intent, {});
    EXPECT_EQ(result.kind, CommitResult::Kind::kStop);
    EXPECT_THAT(result.status.message(), HasSubstr("another table of that name"));
  }
  const auto heir = table.NewStaging();
  EXPECT_EQ(heir->NewCommitter()->Commit(intent, {}).kind, CommitResult::Kind::kGone);
  ASSERT_TRUE(heir->NewCommitter()->Abandon(intent, {}).ok());
  EXPECT_TRUE(table.Files("data").empty());
  EXPECT_TRUE(table.Ids().empty());
}

TEST_F(IcebergStagingTest, WhatIsInUseIsNotRemovedAlthoughNothingSaysWhoseItIs) {
  TestTable table;
  const auto staging = table.NewStaging();
  const auto sink = staging->NewSink();
  Stage(*sink, 0, 3);
  const Intent intent = Seal(*sink, 1);
  Commit(*staging, intent);
  // Another engine has expired the snapshot and written the manifest again.
  LoadedTable loaded = table.Load();
  const std::string metadata = table.root + "events/metadata/";
  fs::rename(metadata + intent.id + "-m0.avro", metadata + "merged.avro");
  const std::string list = loaded.metadata.snapshots[0].manifest_list;
  std::vector<ManifestInfo> manifests;
  {
    std::ifstream file(list, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const auto stream = NewMemoryStream(bytes);
    ASSERT_TRUE(ReadManifestList(*stream, [&](ManifestInfo info) {
                  info.path = metadata + "merged.avro";
                  manifests.push_back(std::move(info));
                  return absl::OkStatus();
                }).ok());
  }
  std::ofstream(list, std::ios::binary) << *WriteManifestList({.id = 1}, manifests);
  auto json = nlohmann::ordered_json::parse(loaded.text);
  json["snapshots"][0]["summary"].erase("millrace.commits");
  std::ofstream(loaded.file) << json;
  Commit(*table.NewStaging(), intent);
  EXPECT_TRUE(absl::IsFailedPrecondition(staging->NewCommitter()->Abandon(intent, {})));
  EXPECT_EQ(table.Ids().size(), 3u);
}

TEST_F(IcebergStagingTest, AHintNeverGoesBackAndAWrongOneIsNotBelieved) {
  TestTable table;
  for (int n = 0; n < 3; ++n) Append(table, n, n, 1);
  const std::string hint = table.root + "events/metadata/version-hint.text";
  // Somebody names a version that was removed.
  fs::remove(table.root + "events/metadata/v2.metadata.json");
  std::ofstream(hint) << "2";
  EXPECT_EQ(table.Ids().size(), 3u);
  Append(table, 3, 3, 1);
  EXPECT_EQ(table.Ids().size(), 4u);
  // A writer that was frozen before it wrote the hint wakes up.
  LoadedTable old;
  old.file = table.root + "events/metadata/v3.metadata.json";
  ASSERT_TRUE(table.catalog->Publish(old, {}).ok());
  std::string version;
  std::ifstream(hint) >> version;
  EXPECT_EQ(version, "5");
}

TEST_F(IcebergStagingTest, FoldersThatAreNoTablesAreLeftAlone) {
  TestTable table;
  fs::create_directories(table.root + "events/dt=2026-11-30");
  std::ofstream(table.root + "events/dt=2026-11-30/a.parquet") << "x";
  EXPECT_THAT(Prepare(table).message(), HasSubstr("has files and is no table"));
  ASSERT_TRUE(table.catalog->Drop({}).ok());
  EXPECT_TRUE(fs::exists(table.root + "events/dt=2026-11-30/a.parquet"));

  TestTable outer;
  ASSERT_TRUE(Prepare(outer).ok());
  FileStore inner(outer.root + "events/events/", [](std::stop_token stop) {
    return std::make_unique<FaultyStore>(std::move(stop));
  });
  const auto catalog = iceberg::NewFolderCatalog(inner, Clock::Real());
  EXPECT_THAT(catalog->Create({}, {}).message(), HasSubstr("is a table"));
}

TEST_F(IcebergStagingTest, DamagedMetadataStopsACommitAndNothingElse) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {R"("refs":{})", R"("refs":[])"},
      {R"("refs":{})", R"("refs":{"main":"x"})"},
      {R"("snapshot-log":[])", R"("snapshot-log":null)"},
      {R"("current-snapshot-id":-1)", R"("current-snapshot-id":77)"},
      {R"("last-sequence-number":0)", R"("last-sequence-number":9223372036854775807)"}};
  for (const auto& [from, to] : kCases) {
    TestTable table;
    ASSERT_TRUE(Prepare(table).ok());
    LoadedTable loaded = table.Load();
    const auto staging = table.NewStaging();
    const auto sink = staging->NewSink();
    Stage(*sink, 0, 1);
    const Intent intent = Seal(*sink, 1);
    const size_t at = loaded.text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    std::ofstream(loaded.file) << loaded.text.replace(at, from.size(), to);
    const CommitResult result = staging->NewCommitter()->Commit(intent, {});
    const bool is_fine = to == R"("snapshot-log":null)";
    EXPECT_EQ(result.kind, is_fine ? CommitResult::Kind::kCommitted : CommitResult::Kind::kStop)
        << to << result.status;
  }
}

TEST_F(IcebergStagingTest, ColumnsThatDifferByCaseAreRefused) {
  TestTable table;
  Change(table, R"("name":"token")", R"("name":"TOKEN")");
  EXPECT_THAT(Prepare(table).message(), HasSubstr("has a column TOKEN beside token"));
  EXPECT_FALSE(IcebergSpec::Parse("iceberg:/t?columns=Plan,plan").ok());
  EXPECT_FALSE(IcebergSpec::Parse("iceberg:/t?columns=TOKEN").ok());
}

TEST_F(IcebergStagingTest, PartitionsAreThoseOfTheTable) {
  for (const auto& [unit, folder] :
       std::map<std::string, std::string>{{"none", ""},
                                          {"hour", "event_time_hour=2026-11-30-03/"},
                                          {"day", "event_time_day=2026-11-30/"},
                                          {"month", "event_time_month=2026-11/"},
                                          {"year", "event_time_year=2026/"}}) {
    TestTable table("partition=" + unit);
    Append(table, 1, 0, 2);
    const std::vector<std::string> files = table.Files("data");
    ASSERT_EQ(files.size(), 1u) << unit;
    EXPECT_THAT(files[0], AllOf(testing::StartsWith(folder + ToHex(HashBytes("commit 1"))),
                                testing::EndsWith("-00000.parquet")));
    EXPECT_EQ(table.Ids().size(), 2u) << unit;
  }
}

}  // namespace
}  // namespace millrace
