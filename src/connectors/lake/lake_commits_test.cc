// The contract of staged destinations, kept by a lake on disk in each format; and what goes wrong
// with its files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/lake/lake_spec.h"
#include "connectors/lake/manifests.h"
#include "data_files/file_staging.h"
#include "formats/row_reader.h"
#include "io/testing/faulty_store.h"
#include "io/worker_id.h"
#include "pipeline/testing/staging_contract.h"

namespace millrace {
namespace {

using data_files::FileStore;
using lake::LakeSpec;
using testing::HasSubstr;

std::string TempFolder() {
  std::string folder = testing::TempDir() + "mrlake_XXXXXX";
  EXPECT_NE(::mkdtemp(folder.data()), nullptr);
  return folder + "/";
}

std::string Event(int n, std::string_view time = "1796008365") {
  return StrCat(R"({"event":"e","properties":{"time":)", time, R"(,"distinct_id":"u)", n, "\"}}");
}

// Counts distinct_id of all rows of all data files.
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

// A lake in a folder of its own.
struct TestLake {
  explicit TestLake(std::string_view query, const std::string& root = TempFolder())
      : spec(*LakeSpec::Parse(StrCat(root, "?", query))),
        form(*TableForm::Make(RecordType::kEvent, spec.extra_columns)),
        store(spec.root + spec.folders.at(RecordType::kEvent), [this](std::stop_token stop) {
          auto opened = std::make_unique<FaultyStore>(std::move(stop));
          faults = opened.get();
          return opened;
        }) {}
  ~TestLake() { std::filesystem::remove_all(spec.root); }

  std::unique_ptr<Staging> NewStaging() {
    return data_files::NewFileStaging({.layout = spec.layout,
                                       .form = form,
                                       .store = store,
                                       .log = manifests,
                                       .traffic = traffic,
                                       .clock = Clock::Real()},
                                      testing::TempDir());
  }
  // Of data that readers see, or of everything.
  std::vector<std::string> Files(bool hidden = false) {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(spec.root)) {
      const std::string path = entry.path().string();
      if (!entry.is_regular_file()) continue;
      if (hidden || path.find("/_millrace/") == std::string::npos) files.push_back(path);
    }
    return files;
  }
  std::map<std::string, int> Ids() {
    Counter counter;
    DecodeScratch scratch;
    for (const std::string& file : Files()) {
      const auto info = store.objects().Find(file);
      EXPECT_TRUE(info.ok()) << info.status();
      auto reader = store.objects().Open(*info);
      EXPECT_TRUE(reader.ok()) << reader.status();
      const auto rows = OpenRows(*std::move(reader), {});
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

  FaultyStore* faults = nullptr;
  const LakeSpec spec;
  const TableForm form;
  FileStore store;
  lake::Manifests manifests{store};
  Traffic traffic;
};

enum class Format { kParquet, kGz, kZst };

template <Format kFormat>
class LakeFixture : public StagingFixture {
 public:
  std::unique_ptr<Staging> NewStaging() override { return lake_.NewStaging(); }
  // In several partitions.
  std::string GoodRow(int n) override { return Event(n, StrCat(1796008365 + 40'000 * (n % 4))); }
  std::string BadRow(int n) override { return Event(n, "\"yesterday\""); }
  std::string RowRefusedByCommit(int) override { return ""; }
  int Visible(int n) override {
    const std::map<std::string, int> ids = lake_.Ids();
    const auto found = ids.find(StrCat("u", n));
    return found == ids.end() ? 0 : found->second;
  }
  bool FailNextCommit(Failure how) override {
    switch (how) {
      case Failure::kNothingDone:
        lake_.faults->FailCall(0, /*with_effect=*/false);
        return true;
      case Failure::kHalfDone:
        lake_.faults->FailCall(1, /*with_effect=*/false);
        return true;
      case Failure::kAllDone:
        lake_.faults->FailCall(0, /*with_effect=*/true);
        return true;
      case Failure::kArrivesLate:
        lake_.faults->DelayNextCreate();
        return true;
    }
    return false;
  }
  void DeliverLate() override { lake_.faults->DeliverLate(); }
  bool LosePart(const std::string& part) override {
    return lake_.store.objects().Remove(lake_.store.Uri(part)).ok();
  }

 private:
  TestLake lake_{kFormat == Format::kParquet ? "format=parquet"
                 : kFormat == Format::kGz    ? "format=ndjson.gz&path=dt={date}/hour={hour}"
                                             : "format=ndjson.zst&form=table&path="};
};

template <Format kFormat>
std::unique_ptr<StagingFixture> Make() {
  return std::make_unique<LakeFixture<kFormat>>();
}
INSTANTIATE_TEST_SUITE_P(Lake, StagingContract,
                         testing::Values(Make<Format::kParquet>, Make<Format::kGz>,
                                         Make<Format::kZst>));

class LakeStagingTest : public testing::Test {
 protected:
  static constexpr char kCommit[] = "0123456789abcdef0123456789abcdef";

  static void Stage(StagedSink& sink, int first, int rows, std::string_view time = "1796008365") {
    Batch batch;
    for (int n = first; n < first + rows; ++n) {
      batch.bytes.Append(Event(n, time));
      batch.EndRow(static_cast<uint64_t>(n));
    }
    const WriteResult result = sink.Stage(batch, {}, {});
    ASSERT_TRUE(result.durable()) << result.status();
  }
  Intent Seal(StagedSink& sink, const std::string& id = kCommit) {
    const auto parts = sink.Seal(id, {});
    EXPECT_TRUE(parts.ok()) << parts.status();
    Intent intent{.id = id};
    if (parts.ok()) intent.parts = *parts;
    intent.spans = {{.object = {"s3://in/a.ndjson", "v1", "c", "lake"}, .after = {.row = 7}}};
    return intent;
  }
  static void Commit(Staging& staging, const Intent& intent) {
    const CommitResult result = staging.NewCommitter()->Commit(intent, {});
    ASSERT_EQ(result.kind, CommitResult::Kind::kCommitted) << result.status;
  }
};

TEST_F(LakeStagingTest, FilesAreNamedByPartitionAndCommit) {
  TestLake lake("format=ndjson.gz&form=raw&path=dt={date}/hour={hour}");
  const auto staging = lake.NewStaging();
  const auto sink = staging->NewSink();
  Stage(*sink, 0, 2);
  Stage(*sink, 2, 1, "null");
  const Intent intent = Seal(*sink);
  EXPECT_TRUE(lake.Files().empty());
  Commit(*staging, intent);
  EXPECT_THAT(
      lake.Files(),
      testing::UnorderedElementsAre(
          StrCat(lake.spec.root, "events/dt=2026-11-30/hour=03/", kCommit, "-00001.ndjson.gz"),
          StrCat(lake.spec.root, "events/dt=__HIVE_DEFAULT_PARTITION__/hour=",
                 "__HIVE_DEFAULT_PARTITION__/", kCommit, "-00000.ndjson.gz")));
  // What is left beside them is the manifest.
  EXPECT_EQ(lake.Files(/*hidden=*/true).size(), 3u);
  std::ifstream manifest(StrCat(lake.spec.root, "events/_millrace/commits/", kCommit, ".json"));
  const std::string text{std::istreambuf_iterator<char>(manifest), {}};
  EXPECT_THAT(text, HasSubstr("\"committed\":true"));
  EXPECT_THAT(text, HasSubstr("\"rows\":2"));
  EXPECT_THAT(text, HasSubstr("\"object\":\"s3://in/a.ndjson\",\"version\":\"v1\""));
}

TEST_F(LakeStagingTest, ManyPartitionsStayInMemoryAndOneFileEach) {
  TestLake lake("format=parquet&path=dt={date}/h={hour}/m={minute}/s={second}");
  const auto staging = lake.NewStaging();
  const auto sink = staging->NewSink();
  for (int n = 0; n < 300; ++n) Stage(*sink, n, 1, StrCat(1796008365 + n % 100));
  Commit(*staging, Seal(*sink));
  EXPECT_EQ(lake.Files().size(), 100u);
  EXPECT_EQ(lake.Ids().size(), 300u);
}

TEST_F(LakeStagingTest, APartitionAboveTheFileSizeIsSeveralFiles) {
  TestLake lake("format=ndjson.zst&form=raw&path=&file_size=1");
  const auto staging = lake.NewStaging();
  const auto sink = staging->NewSink();
  uint64_t random = 1;
  for (int n = 0; n < 40; ++n) {
    Batch batch;
    batch.bytes.Append(StrCat(R"({"event":"e","properties":{"distinct_id":"u)", n, R"(","x":")"));
    for (int i = 0; i < 10'000; ++i) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      batch.bytes.Append(StrCat(random >> 33));
    }
    batch.bytes.Append("\"}}");
    batch.EndRow(static_cast<uint64_t>(n));
    ASSERT_TRUE(sink->Stage(batch, {}, {}).durable());
  }
  Commit(*staging, Seal(*sink));
  EXPECT_GT(lake.Files().size(), 1u);
}

TEST_F(LakeStagingTest, AFileThatFailedInTheMiddleIsWrittenAgainAsIfItHadNot) {
  for (const char* format : {"format=parquet&path=", "format=ndjson.gz&path="}) {
    TestLake lake(format);
    const auto staging = lake.NewStaging();
    const auto sink = staging->NewSink();
    uint64_t random = 1;
    for (int n = 0; n < 1600; ++n) {
      Batch batch;
      batch.bytes.Append(StrCat(R"({"event":"e","properties":{"distinct_id":"u)", n, R"(","x":")"));
      for (int i = 0; i < 1000; ++i) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        batch.bytes.Append(StrCat(random >> 33));
      }
      batch.bytes.Append("\"}}");
      batch.EndRow(static_cast<uint64_t>(n));
      ASSERT_TRUE(sink->Stage(batch, {}, {}).durable());
    }
    for (int times = 0; times < 2; ++times) {
      lake.faults->FailNextObject();
      EXPECT_TRUE(absl::IsUnavailable(sink->Seal(kCommit, {}).status()));
    }
    Commit(*staging, Seal(*sink));
    EXPECT_EQ(lake.Ids().size(), 1600u);
  }
}

// Its list may be removed by hand, or by another process that takes the commit for nobody's.
TEST_F(LakeStagingTest, AHalfMovedCommitWithoutItsListIsRemovedWhenItIsAbandoned) {
  TestLake lake("format=ndjson.gz&path=dt={date}/hour={hour}");
  const auto staging = lake.NewStaging();
  const auto sink = staging->NewSink();
  Stage(*sink, 0, 2);
  Stage(*sink, 2, 2, "1796108365");
  const Intent intent = Seal(*sink);
  const auto committer = staging->NewCommitter();
  lake.faults->FailCall(1, /*with_effect=*/false);
  EXPECT_EQ(committer->Commit(intent, {}).kind, CommitResult::Kind::kRetry);
  EXPECT_FALSE(lake.Files().empty());
  std::filesystem::remove_all(lake.spec.root + "events/_millrace");
  EXPECT_EQ(committer->Commit(intent, {}).kind, CommitResult::Kind::kGone);
  ASSERT_TRUE(committer->Abandon(intent, {}).ok());
  EXPECT_TRUE(lake.Files().empty());
}

TEST_F(LakeStagingTest, ACommitThatWasStoppedDoesNotStopTheNext) {
  TestLake lake("format=ndjson.gz");
  const auto staging = lake.NewStaging();
  const auto sink = staging->NewSink();
  Stage(*sink, 0, 1);
  const Intent intent = Seal(*sink);
  std::stop_source stop;  // such as that of a lease which another worker has taken over
  stop.request_stop();
  EXPECT_NE(staging->NewCommitter()->Commit(intent, stop.get_token()).kind,
            CommitResult::Kind::kCommitted);
  Commit(*staging, intent);
  EXPECT_EQ(lake.Ids().size(), 1u);
}

TEST_F(LakeStagingTest, FilesOfDeadProcessesAreRemovedUnlessTheirCommitIsOpen) {
  TestLake lake("format=ndjson.gz");
  const std::string folder = lake.spec.root + "events/_millrace/staged/";
  // A process of this machine that has ended, one of another machine, and this one.
  std::string dead = CurrentWorkerTag();
  dead = dead.substr(0, dead.find('.')) + ".999999999.1";
  const std::string open = "ffffffffffffffffffffffffffffffff";
  for (const std::string& name :
       {StrCat(dead, "/", kCommit, "-00000.part"), StrCat(dead, "/", kCommit, ".json"),
        StrCat(dead, "/", open, "-00000.part"),
        StrCat("00000000000000000000000000000000.1.1/x.part"),
        StrCat(CurrentWorkerTag(), "/", kCommit, "-00000.part")}) {
    std::filesystem::create_directories(std::filesystem::path(folder + name).parent_path());
    std::ofstream(folder + name) << "x";
  }
  const auto staging = lake.NewStaging();
  const Intent intent{.id = open};
  const absl::Status removed = staging->RemoveOrphans({&intent, 1}, {});
  ASSERT_TRUE(removed.ok()) << removed;
  EXPECT_EQ(lake.Files(/*hidden=*/true).size(), 3u);
  EXPECT_FALSE(std::filesystem::exists(StrCat(folder, dead, "/", kCommit, "-00000.part")));
  EXPECT_FALSE(std::filesystem::exists(StrCat(folder, dead, "/", kCommit, ".json")));
}

TEST_F(LakeStagingTest, UploadsOfDeadProcessesAreRemoved) {
  TestLake lake("format=ndjson.gz");
  const std::string folder = lake.spec.root + "events/_millrace/staged/";
  const std::string here = CurrentWorkerTag().substr(0, CurrentWorkerTag().find('.'));
  const std::string dead = here + ".999999999.1";
  const std::string open = "ffffffffffffffffffffffffffffffff";
  const std::vector<std::string> kept = {
      StrCat(folder, "00000000000000000000000000000000.1.1/", kCommit, "-00000.part"),
      StrCat(folder, CurrentWorkerTag(), "/", kCommit, "-00000.part"),
      StrCat(folder, dead, ".1/", kCommit, "-00000.part"),
      StrCat(folder, "x/", dead, "/", kCommit, "-00000.part"),
      StrCat(folder, dead),
      StrCat(folder, "../", dead, "/", kCommit, "-00000.part"),
      StrCat(lake.spec.root, "events/dt=2026-11-29/", dead, "/a.parquet"),
      StrCat(lake.spec.root, "users/_millrace/staged/", dead, "/", kCommit, "-00000.part")};
  const auto staging = lake.NewStaging();
  lake.faults->unfinished = kept;
  for (const std::string& name : {StrCat(kCommit, "-00000.part"), StrCat(kCommit, "-00001.part"),
                                  StrCat(open, "-00000.part"), StrCat(open, ".json")}) {
    lake.faults->unfinished.push_back(StrCat(folder, dead, "/", name));
  }
  const Intent intent{.id = open};
  const absl::Status removed = staging->RemoveOrphans({&intent, 1}, {});
  ASSERT_TRUE(removed.ok()) << removed;
  EXPECT_EQ(lake.faults->unfinished, kept);
}

TEST_F(LakeStagingTest, UploadsThatCannotBeRemovedAreAWarning) {
  TestLake lake("format=ndjson.gz");
  const auto staging = lake.NewStaging();
  for (const absl::Status& status : {absl::PermissionDeniedError("denied"),
                                     absl::UnavailableError("no list"), absl::AbortedError("")}) {
    lake.faults->unfinished_denied = status;
    testing::internal::CaptureStderr();
    EXPECT_TRUE(staging->RemoveOrphans({}, {}).ok());
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_EQ(log.find("denied") != log.npos, absl::IsPermissionDenied(status)) << log;
    EXPECT_EQ(log.find("WARNING") != log.npos, absl::IsPermissionDenied(status)) << log;
  }
  lake.faults->unfinished_denied = absl::CancelledError("stopped");
  EXPECT_TRUE(absl::IsCancelled(staging->RemoveOrphans({}, {})));
}

TEST_F(LakeStagingTest, WhatAnEarlierRunHasStagedIsNotInTheNextCommit) {
  TestLake lake("format=ndjson.gz");
  const auto staging = lake.NewStaging();
  Stage(*staging->NewSink(), 0, 5);
  ASSERT_TRUE(staging->RemoveOrphans({}, {}).ok());
  const auto sink = staging->NewSink();
  Stage(*sink, 5, 1);
  Commit(*staging, Seal(*sink));
  EXPECT_EQ(lake.Ids(), (std::map<std::string, int>{{"u5", 1}}));
}

TEST_F(LakeStagingTest, AListThatIsNoneStopsTheCommit) {
  TestLake lake("format=ndjson.gz");
  const auto staging = lake.NewStaging();
  const auto sink = staging->NewSink();
  for (const char* text : {"", "{", "[]", "{\"files\":1}", "{\"files\":[{}]}",
                           "{\"files\":[{\"staged\":\"a\",\"path\":\"b\",\"rows\":-1}]}"}) {
    Stage(*sink, 0, 1);
    const Intent intent = Seal(*sink);
    std::ofstream(lake.store.Uri(intent.parts[0])) << text;
    const CommitResult result = staging->NewCommitter()->Commit(intent, {});
    EXPECT_EQ(result.kind, CommitResult::Kind::kStop) << text;
    EXPECT_THAT(result.status.ToString(), HasSubstr("is not a list of files"));
  }
}

}  // namespace
}  // namespace millrace
