// Files in Mixpanel's format, imported into a project in memory, and compared with it.
#ifndef MILLRACE_RECONCILE_TESTING_RECONCILE_FIXTURE_H_
#define MILLRACE_RECONCILE_TESTING_RECONCILE_FIXTURE_H_

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include "base/strings.h"
#include "connectors/mixpanel/mixpanel_event_reader.h"
#include "connectors/mixpanel/testing/fake_project.h"
#include "mapping/mapping_version.h"
#include "objects/map_transform.h"
#include "objects/object_lister.h"
#include "objects/object_source.h"
#include "pipeline/run.h"
#include "pipeline/testing/fake_sink.h"
#include "pipeline/testing/fake_staging.h"
#include "pipeline/testing/memory_dead_letter_queue.h"
#include "pipeline/testing/memory_ledger.h"
#include "pipeline/testing/plain_destination.h"

namespace millrace {

inline constexpr int64_t kMorning = 1'699'999'200'000;  // 2023-11-14T22:00:00Z

class ReconcileTest : public testing::Test {
 protected:
  void UseProject(const std::string& id) {
    destination_.emplace(project_.Sinks(), StrCat("project ", id));
    destination_->record_rules = RecordRules::Mixpanel();
    request_.destination = &*destination_;
    reader_ = std::make_unique<mixpanel::MixpanelEventReader>(project_.Export(), clock_);
    request_.wait_after_repair = reader_->max_delay();
  }

  void SetUp() override {
    folder_ = std::filesystem::canonical(testing::TempDir()).string() +
              StrCat("/reconcile_test.", getpid());
    std::filesystem::create_directories(folder_ + "/in");
    request_.import.inputs = {folder_ + "/in"};
    request_.import.sources = SourcesConfig::MixpanelFormat();
    UseProject("1");
    request_.temp_parent = folder_;
    clock_.Advance(absl::Hours(24 * 365));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::string Event(int id) {
    return StrCat(R"({"event":"Buy","properties":{"time":)", kMorning + id * 3'600'000LL,
                  R"(,"distinct_id":"u","$insert_id":"id-)", id, R"(-"}})");
  }

  std::string Path(const std::string& name) const { return folder_ + "/in/" + name; }

  void WriteFile(const std::string& name, int first, int last) {
    std::ofstream file(Path(name));
    for (int id = first; id < last; ++id) file << Event(id) << "\n";
  }

  // As if a Millrace with other mapping rules had imported the objects.
  void SetMappingVersion(uint64_t version) {
    MemoryLedger::Rows rows = ledger_.Snapshot();
    for (auto& [key, entry] : rows) entry.mapping_version = version;
    ledger_.Restore(std::move(rows));
  }

  void Import() {
    auto lister = ObjectLister::Start(request_.import.inputs, [](const auto&) { return true; });
    ASSERT_TRUE(lister.ok()) << lister.status();
    SourceProgress progress;
    const CurrentSources sources(request_.import.sources);
    ObjectSource source(
        {.destination = destination_->LedgerName(RecordType::kEvent), .owner = "test"}, sources,
        **lister, ledger_, progress);
    const RunReport run = millrace::Run(
        {.source = source,
         .make_transform =
             [this] {
               return std::make_unique<MapTransform>(clock_.Now(), RecordRules::Mixpanel());
             },
         .make_sink = destination_->staged != nullptr
                          ? SinkFactory()
                          : [this] { return destination_->NewSink(RecordType::kEvent); },
         .ledger = ledger_,
         .dead_letter = dead_letter_,
         .cursor = destination_->cursor(RecordType::kEvent),
         .staging = destination_->staged,
         .clock = clock_},
        {}, {});
    ASSERT_TRUE(run.status.ok()) << run.status;
  }

  ReconcileReport Reconcile(std::stop_token stop = {}) {
    const auto read_dead = [this](const LedgerKey& key, const auto&) -> absl::StatusOr<DeadRows> {
      DeadRows dead{.replayed = replayed_};
      for (const Rejection& one : dead_letter_.Durable(key)) dead.rejected.Add(one.source_row);
      return dead;
    };
    ReconcileReport report = millrace::Reconcile(request_,
                                                 {.ledger = ledger_,
                                                  .dead_letter = dead_letter_,
                                                  .read_dead = read_dead,
                                                  .reader = *reader_,
                                                  .clock = clock_},
                                                 std::move(stop));
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      EXPECT_EQ(entry.path().filename(), "in") << "a temporary folder was not removed";
    }
    return report;
  }

  std::vector<std::string> Problems(const ReconcileReport& report) {
    std::vector<std::string> problems;
    for (const ObjectFinding& finding : report.findings) {
      problems.push_back(StrCat(NameOf(finding.problem), " ",
                                std::filesystem::path(finding.object).filename().string()));
    }
    return problems;
  }

  std::string folder_;
  FakeClock clock_;
  FakeProject project_;
  std::unique_ptr<EventReader> reader_;
  MemoryLedger ledger_{clock_};
  MemoryDeadLetterQueue dead_letter_;
  std::vector<DeadRows::Replayed> replayed_;
  std::optional<PlainDestination> destination_;
  ReconcileRequest request_;
};

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_TESTING_RECONCILE_FIXTURE_H_
