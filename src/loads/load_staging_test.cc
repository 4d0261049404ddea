// The contract of staged destinations, kept by files that a warehouse in memory loads; and what
// goes wrong with files and loads.
#include "loads/load_staging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "formats/row_reader.h"
#include "io/testing/faulty_store.h"
#include "io/worker_id.h"
#include "loads/load_bucket.h"
#include "pipeline/testing/staging_contract.h"

namespace millrace {
namespace {

using data_files::FileStore;
using loads::FileLoad;
using loads::FileLoader;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace fs = std::filesystem;

std::string Event(int n, std::string_view time = "1796008365") {
  return StrCat(R"({"event":"e","properties":{"time":)", time, R"(,"distinct_id":"u)", n,
                R"(","big":9007199254740993}})");
}

class Counter : public RowVisitor {
 public:
  void OnRow(const Row& row) override {
    for (size_t i = 0; i < row.values.size(); ++i) {
      if (row.shape->names[i] == "distinct_id") ++ids[std::string(row.values[i].text)];
      if (row.shape->names[i] == "big") bigs.insert(std::string(row.values[i].text));
    }
  }
  void OnBadRow(uint64_t, const absl::Status& why, std::string_view) override {
    ADD_FAILURE() << why;
  }
  std::map<std::string, int> ids;
  std::set<std::string> bigs;
};

// Loads the files of a commit in one step, as jobs with an id do. Outlives the processes.
class FakeWarehouse : public FileLoader {
 public:
  absl::Status Prepare(absl::Span<const Intent> open, std::stop_token) override {
    ++prepared;
    opened.clear();
    for (const Intent& intent : open) opened.push_back(intent.id);
    return prepare_status;
  }
  absl::StatusOr<Outcome> OutcomeOf(const std::string& commit, std::stop_token stop) override {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    const auto found = outcomes_.find(commit);
    return found == outcomes_.end() ? Outcome::kNone : found->second;
  }
  absl::StatusOr<Outcome> Load(const FileLoad& load, std::stop_token stop) override {
    EXPECT_GT(prepared, 0);
    if (uses_manifest) {
      const auto manifest = load.write_manifest("{}");
      EXPECT_TRUE(manifest.ok()) << manifest.status();
    }
    RETURN_IF_ERROR(std::exchange(next_load, absl::OkStatus()));
    if (std::exchange(is_late_, false)) {
      late_ = [this, load] { Run(load).IgnoreError(); };
      return absl::UnavailableError("no answer");
    }
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    RETURN_IF_ERROR(Run(load));
    if (std::exchange(loses_answer_, false)) return absl::UnavailableError("no answer");
    return outcomes_.at(load.commit);
  }
  absl::StatusOr<Outcome> Abandon(const FileLoad& load, std::stop_token) override {
    if (removes_first) RETURN_IF_ERROR(load.remove_files());
    return outcomes_.emplace(load.commit, Outcome::kAbandoned).first->second;
  }

  void LoseNextAnswer() { loses_answer_ = true; }
  void DelayNextLoad() { is_late_ = true; }
  void DeliverLate() {
    if (late_) std::exchange(late_, nullptr)();
  }

  int prepared = 0;
  std::vector<std::string> opened;  // when it was prepared
  absl::Status prepare_status;
  absl::Status next_load;
  bool uses_manifest = false;
  bool removes_first = false;
  Counter rows;
  size_t files = 0;

 private:
  absl::Status Run(const FileLoad& load) {
    if (outcomes_.contains(load.commit)) return absl::OkStatus();
    Counter loaded = rows;
    DecodeScratch scratch;
    const auto store = NewLocalObjectStore();
    uint64_t expected = 0, found = 0;
    for (const loads::LoadFile& file : load.files) {
      expected += file.rows;
      const absl::StatusOr<ObjectInfo> info = store->Find(file.uri);
      if (!info.ok()) return absl::NotFoundError("the table or a file does not exist");
      EXPECT_EQ(info->size, file.bytes);
      EXPECT_THAT(file.uri, testing::EndsWith(".ndjson.gz"));
      ASSIGN_OR_RETURN(auto reader, store->Open(*info));
      ASSIGN_OR_RETURN(const auto chunks, OpenRows(std::move(reader), {}));
      for (;;) {
        ASSIGN_OR_RETURN(const auto chunk, chunks->Read({}));
        if (chunk == nullptr) break;
        chunk->ForEachRow(scratch, loaded);
      }
    }
    for (const auto& [id, count] : loaded.ids) found += static_cast<uint64_t>(count);
    for (const auto& [id, count] : rows.ids) found -= static_cast<uint64_t>(count);
    EXPECT_EQ(found, expected);
    rows = std::move(loaded);
    files += load.files.size();
    outcomes_[load.commit] = Outcome::kCommitted;
    return absl::OkStatus();
  }

  std::map<std::string, Outcome> outcomes_;
  bool loses_answer_ = false;
  bool is_late_ = false;
  std::function<void()> late_;
};

// A table, and a folder in which files for it are staged.
struct TestTable {
  explicit TestTable(size_t file_bytes = size_t{128} << 20)
      : root(MakeRoot()),
        layout(
            loads::LoadLayout({.root = root, .file_bytes = file_bytes}, data_files::kFileDialect)),
        form(*TableForm::Make(RecordType::kEvent, {"big:integer"})),
        store(
            root + "bigquery/p/d/events/",
            [this](std::stop_token stop) {
              auto opened = std::make_unique<FaultyStore>(std::move(stop));
              faults = opened.get();
              return opened;
            },
            "") {}
  ~TestTable() { fs::remove_all(root); }

  static std::string MakeRoot() {
    std::string folder = testing::TempDir() + "mrload_XXXXXX";
    EXPECT_NE(::mkdtemp(folder.data()), nullptr);
    return fs::canonical(folder).string() + "/";
  }

  std::unique_ptr<Staging> NewStaging() {
    return loads::NewLoadStaging({.layout = layout,
                                  .form = form,
                                  .store = store,
                                  .loader = warehouse,
                                  .traffic = traffic,
                                  .clock = Clock::Real()},
                                 testing::TempDir());
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (entry.is_regular_file()) files.push_back(entry.path().string());
    }
    return files;
  }

  FaultyStore* faults = nullptr;
  const std::string root;
  const data_files::FileLayout layout;
  const TableForm form;
  FileStore store;
  FakeWarehouse warehouse;
  Traffic traffic;
};

template <bool kRemovesFirst>
class LoadFixture : public StagingFixture {
 public:
  LoadFixture() {
    table_.warehouse.uses_manifest = kRemovesFirst;
    table_.warehouse.removes_first = kRemovesFirst;
  }
  std::unique_ptr<Staging> NewStaging() override { return table_.NewStaging(); }
  std::string GoodRow(int n) override { return Event(n); }
  std::string BadRow(int n) override { return Event(n, "\"yesterday\""); }
  std::string RowRefusedByCommit(int) override { return ""; }
  int Visible(int n) override {
    const auto found = table_.warehouse.rows.ids.find(StrCat("u", n));
    return found == table_.warehouse.rows.ids.end() ? 0 : found->second;
  }
  bool FailNextCommit(Failure how) override {
    switch (how) {
      case Failure::kNothingDone:
        table_.warehouse.next_load = absl::UnavailableError("busy");
        return true;
      case Failure::kAllDone:
        table_.warehouse.LoseNextAnswer();
        return true;
      case Failure::kArrivesLate:
        table_.warehouse.DelayNextLoad();
        return true;
      case Failure::kHalfDone:
        return false;  // a load is whole or not there
    }
    return false;
  }
  void DeliverLate() override { table_.warehouse.DeliverLate(); }
  bool LosePart(const std::string& part) override {
    return table_.store.objects().Remove(table_.store.Uri(part)).ok();
  }

 private:
  TestTable table_;
};

template <bool kRemovesFirst>
std::unique_ptr<StagingFixture> Make() {
  return std::make_unique<LoadFixture<kRemovesFirst>>();
}
INSTANTIATE_TEST_SUITE_P(Loads, StagingContract, testing::Values(Make<false>, Make<true>));

class LoadStagingTest : public testing::Test {
 protected:
  static constexpr char kCommit[] = "0123456789abcdef0123456789abcdef";

  static void Stage(StagedSink& sink, int first, int rows) {
    Batch batch;
    for (int n = first; n < first + rows; ++n) {
      batch.bytes.Append(Event(n));
      batch.EndRow(static_cast<uint64_t>(n));
    }
    const WriteResult result = sink.Stage(batch, {}, {});
    ASSERT_TRUE(result.durable()) << result.status();
  }
  static Intent Seal(StagedSink& sink, const std::string& id = kCommit) {
    Intent intent{.id = id};
    const auto parts = sink.Seal(id, {});
    EXPECT_TRUE(parts.ok()) << parts.status();
    if (parts.ok()) intent.parts = *parts;
    return intent;
  }
};

TEST_F(LoadStagingTest, FilesAreRemovedOnceTheyAreLoaded) {
  TestTable table;
  table.warehouse.uses_manifest = true;
  const auto staging = table.NewStaging();
  ASSERT_TRUE(staging->RemoveOrphans({}, {}).ok());
  EXPECT_EQ(table.warehouse.prepared, 1);
  const auto sink = staging->NewSink();
  Stage(*sink, 0, 3);
  const Intent intent = Seal(*sink);
  const std::string folder =
      StrCat(table.root, "bigquery/p/d/events/staged/", CurrentWorkerTag(), "/");
  EXPECT_THAT(table.Files(),
              testing::UnorderedElementsAre(StrCat(folder, kCommit, "-00000.ndjson.gz"),
                                            StrCat(folder, kCommit, ".json")));
  const CommitResult result = staging->NewCommitter()->Commit(intent, {});
  ASSERT_EQ(result.kind, CommitResult::Kind::kCommitted) << result.status;
  EXPECT_THAT(table.Files(), IsEmpty());
  EXPECT_EQ(table.warehouse.rows.ids.size(), 3u);
  EXPECT_EQ(table.warehouse.prepared, 1);
  // A double would be 9007199254740992.
  EXPECT_THAT(table.warehouse.rows.bigs, ElementsAre("9007199254740993"));
}

TEST_F(LoadStagingTest, FilesOfALoadWhoseAnswerWasLostAreRemovedByTheNextProcess) {
  TestTable table;
  table.warehouse.uses_manifest = true;
  Intent intent;
  {
    const auto dead = table.NewStaging();
    const auto sink = dead->NewSink();
    Stage(*sink, 0, 3);
    intent = Seal(*sink);
    table.warehouse.LoseNextAnswer();
    EXPECT_EQ(dead->NewCommitter()->Commit(intent, {}).kind, CommitResult::Kind::kRetry);
  }
  EXPECT_EQ(table.Files().size(), 3u);
  EXPECT_EQ(table.NewStaging()->NewCommitter()->Commit(intent, {}).kind,
            CommitResult::Kind::kCommitted);
  EXPECT_THAT(table.Files(), IsEmpty());
  EXPECT_EQ(table.warehouse.files, 1u);
}

TEST_F(LoadStagingTest, ACommitHasSeveralFilesToBeLoadedAtOnce) {
  TestTable table(size_t{1} << 20);
  const auto staging = table.NewStaging();
  const auto sink = staging->NewSink();
  uint64_t random = 1;
  for (int n = 0; n < 40; ++n) {
    Batch batch;
    batch.bytes.Append(StrCat(R"({"event":"e","properties":{"time":1796008365,"distinct_id":"u)", n,
                              R"(","x":")"));
    for (int i = 0; i < 10'000; ++i) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      batch.bytes.Append(StrCat(random >> 33));
    }
    batch.bytes.Append("\"}}");
    batch.EndRow(static_cast<uint64_t>(n));
    ASSERT_TRUE(sink->Stage(batch, {}, {}).durable());
  }
  ASSERT_EQ(staging->NewCommitter()->Commit(Seal(*sink), {}).kind, CommitResult::Kind::kCommitted);
  EXPECT_GT(table.warehouse.files, 1u);
  EXPECT_EQ(table.warehouse.rows.ids.size(), 40u);
}

TEST_F(LoadStagingTest, ALoadThatFailsStopsTheRunAndTheNextOneTriesAgain) {
  TestTable table;
  const auto staging = table.NewStaging();
  const auto sink = staging->NewSink();
  Stage(*sink, 0, 3);
  const Intent intent = Seal(*sink);
  const auto committer = staging->NewCommitter();
  for (const absl::Status& why :
       {absl::NotFoundError("no table"), absl::InvalidArgumentError("row 7 is bad")}) {
    const int prepared = table.warehouse.prepared;
    table.warehouse.next_load = why;
    const CommitResult result = committer->Commit(intent, {});
    EXPECT_EQ(result.kind, CommitResult::Kind::kStop) << result.status;
    EXPECT_THAT(result.status.message(), HasSubstr(why.message()));
    EXPECT_EQ(table.Files().size(), 2u);
    EXPECT_EQ(table.warehouse.prepared, prepared == 0 ? 1 : prepared + 1);
  }
  EXPECT_EQ(committer->Commit(intent, {}).kind, CommitResult::Kind::kCommitted);
  EXPECT_EQ(table.warehouse.prepared, 3);
}

// A commit that another process has announced may have been loaded.
TEST_F(LoadStagingTest, ATableIsPreparedWithTheOpenCommits) {
  TestTable table;
  const auto staging = table.NewStaging();
  const auto sink = staging->NewSink();
  Stage(*sink, 0, 3);
  const Intent intent = Seal(*sink);
  const Intent other{.id = kCommit};
  const std::vector<Intent> open = {intent, other};
  ASSERT_TRUE(staging->RemoveOrphans(open, {}).ok());
  EXPECT_THAT(table.warehouse.opened, ElementsAre(intent.id, other.id));
  // After an error the table is prepared again, for the commit itself.
  const auto committer = staging->NewCommitter();
  table.warehouse.next_load = absl::InvalidArgumentError("no such column");
  EXPECT_EQ(committer->Commit(intent, {}).kind, CommitResult::Kind::kStop);
  EXPECT_EQ(committer->Commit(intent, {}).kind, CommitResult::Kind::kCommitted);
  EXPECT_THAT(table.warehouse.opened, ElementsAre(intent.id));
}

TEST_F(LoadStagingTest, ATableThatCannotBePreparedStopsTheRunBeforeItIsLoaded) {
  TestTable table;
  table.warehouse.prepare_status = absl::FailedPreconditionError("a column has another type");
  const auto staging = table.NewStaging();
  EXPECT_TRUE(absl::IsFailedPrecondition(staging->RemoveOrphans({}, {})));
  const auto sink = staging->NewSink();
  Stage(*sink, 0, 3);
  const Intent intent = Seal(*sink);
  const CommitResult result = staging->NewCommitter()->Commit(intent, {});
  EXPECT_EQ(result.kind, CommitResult::Kind::kStop);
  EXPECT_THAT(result.status.message(), HasSubstr("a column has another type"));
  EXPECT_EQ(table.warehouse.files, 0u);
}

TEST_F(LoadStagingTest, ACommitWithoutItsFilesIsGone) {
  TestTable table;
  const auto staging = table.NewStaging();
  const auto sink = staging->NewSink();
  Stage(*sink, 0, 3);
  const Intent intent = Seal(*sink);
  for (const std::string& file : table.Files()) {
    if (file.ends_with(".gz")) fs::remove(file);
  }
  const auto committer = staging->NewCommitter();
  EXPECT_EQ(committer->Commit(intent, {}).kind, CommitResult::Kind::kGone);
  ASSERT_TRUE(committer->Abandon(intent, {}).ok());
  EXPECT_THAT(table.Files(), IsEmpty());
}

TEST_F(LoadStagingTest, ACommitOfAnotherMethodStopsTheRun) {
  TestTable table;
  const auto staging = table.NewStaging();
  const Intent intent{.id = kCommit, .parts = {"stream:abc"}};
  const CommitResult result = staging->NewCommitter()->Commit(intent, {});
  EXPECT_EQ(result.kind, CommitResult::Kind::kStop);
  EXPECT_THAT(result.status.message(), HasSubstr("begun with another method or bucket"));
  EXPECT_FALSE(staging->NewCommitter()->Abandon(intent, {}).ok());
}

TEST(LoadBucketTest, OptionsAreTakenFromTheDest) {
  const std::string_view schemes[] = {"gs", "s3"};
  UriQuery query = *UriQuery::Parse("w://a/b?bucket=gs://b/p&file_size=64");
  const auto bucket = loads::TakeLoadBucket(query, schemes);
  ASSERT_TRUE(bucket.ok() && bucket->has_value()) << bucket.status();
  EXPECT_EQ((*bucket)->root, "gs://b/p/");
  EXPECT_EQ((*bucket)->file_bytes, size_t{64} << 20);
  query = *UriQuery::Parse("w://a/b?age=1m");
  EXPECT_FALSE(loads::TakeLoadBucket(query, schemes)->has_value());
  for (const char* bad :
       {"w://a/b?bucket=/tmp/x", "w://a/b?bucket=az://c/x", "w://a/b?bucket=gs://b&file_size=0"}) {
    query = *UriQuery::Parse(bad);
    EXPECT_TRUE(absl::IsInvalidArgument(loads::TakeLoadBucket(query, schemes).status())) << bad;
  }
}

TEST(LoadBucketTest, EachTableHasAFolderThatWarehousesDoNotSkip) {
  const auto folder = [](std::string_view name) {
    const auto store = loads::OpenLoadStore({.root = "/tmp/", .file_bytes = 1}, name,
                                            [](std::string_view) { return std::nullopt; });
    return store.ok() ? (*store)->folder() : store.status().ToString();
  };
  EXPECT_EQ(folder("bigquery://my-project/d/events"), "/tmp/bigquery/my-project/d/events/");
  EXPECT_EQ(folder("snowflake://A/D/_s/.t"), "/tmp/snowflake/A/D/=5Fs/=2Et/");
  EXPECT_EQ(folder("x://h:1/a b@c"), "/tmp/x/h=3A1/a=20b=40c/");
}

}  // namespace
}  // namespace millrace
