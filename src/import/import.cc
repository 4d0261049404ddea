#include "import/import.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/pluralize.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/sqlite/sqlite_ledger.h"
#include "import/record_run.h"
#include "objects/held_object_retry_feed.h"
#include "objects/hidden_names.h"
#include "objects/object_lister.h"
#include "objects/object_source.h"
#include "objects/unmatched.h"

namespace millrace {
namespace {

constexpr uint64_t kMaxUnmatched = 3;  // that the error names

// Stores nothing: the dead-letter queue of a dry run.
class NullDeadLetterQueue : public DeadLetterQueue {
 public:
  absl::Status Add(const LedgerKey&, absl::Span<const Rejection>) override {
    return absl::OkStatus();
  }
  absl::Status Sync(const LedgerKey&) override { return absl::OkStatus(); }
  absl::Status RemoveRows(const LedgerKey&, uint64_t, uint64_t) override {
    return absl::OkStatus();
  }
};

// Selects the listed objects that a run over one record type reads.
class Wanted {
 public:
  Wanted(const ImportRequest& request, RecordType type, bool count_unmatched,
         ImportProgress& progress, std::vector<std::string>& unmatched)
      : sources_(request.sources),
        type_(type),
        count_unmatched_(count_unmatched),
        progress_(progress),
        unmatched_(unmatched) {
    std::error_code none;
    if (!request.config_path.empty()) {
      config_ = std::filesystem::canonical(request.config_path, none).string();
    }
  }

  bool operator()(const ObjectInfo& object) const {
    if (!config_.empty() && object.uri == config_) return false;
    const std::shared_ptr<const SourceConfig> entry = sources_.Match(object.uri);
    if (entry == nullptr) {
      if (!count_unmatched_) return false;
      if (progress_.objects_unmatched++ < kMaxUnmatched) unmatched_.push_back(object.uri);
      Log(Severity::kWarning, "no entry of the config matches this object; it is skipped",
          {{"object", object.uri}});
      return false;
    }
    if (entry->record_type != type_) return false;
    ++progress_.objects_listed;
    progress_.bytes_listed += object.size;
    return true;
  }

 private:
  const SourcesConfig& sources_;
  const RecordType type_;
  const bool count_unmatched_;
  ImportProgress& progress_;
  std::vector<std::string>& unmatched_;
  std::string config_;
};

// One import: a run for each record type of the config.
class Importer {
 public:
  Importer(const ImportRequest& request, Destination& destination, Ledger& ledger,
           DeadLetterQueue& dead_letter, std::stop_token stop, ImportProgress& progress)
      : request_(request),
        destination_(destination),
        sources_(request.sources),
        ledger_(ledger),
        dead_letter_(dead_letter),
        stop_(std::move(stop)),
        progress_(progress),
        traffic_before_{destination.traffic().requests, destination.traffic().bytes_sent} {}

  absl::Status RunAll() {
    RETURN_IF_ERROR(CheckTransforms(request_.sources, scripts_));
    bool first = true;
    for (const RecordType type : RecordTypesOf(request_.sources)) {
      RETURN_IF_ERROR(RunType(type, std::exchange(first, false)));
    }
    RETURN_IF_ERROR(listing_failure_);
    if (progress_.objects_listed == 0 && progress_.objects_unmatched > 0) {
      return NoObjectFits(request_.sources, progress_.objects_unmatched, unmatched_);
    }
    return absl::OkStatus();
  }

  ImportReport TakeReport(absl::Status status) {
    report_.destination = destination_.label();
    report_.dry_run = request_.dry_run;
    report_.status = std::move(status);
    report_.requests = destination_.traffic().requests - traffic_before_[0];
    report_.bytes_sent = destination_.traffic().bytes_sent - traffic_before_[1];
    report_.AddProgress(progress_, Clock::Real().Elapsed() - begin_);
    if (request_.wait_for_others) report_.objects_held = still_held_;  // not the number of attempts
    if (report_.status.ok() && report_.objects_held > 0) {
      report_.status = absl::UnavailableError(
          StrCat(Pluralize(report_.objects_held, "object is", "objects are"),
                 " held by other workers; run again without --no-wait to wait for them"));
    }
    if (report_.first_error.empty() && !report_.status.ok()) {
      report_.first_error = ToStd(report_.status.message());
    }
    return std::move(report_);
  }

 private:
  absl::Status RunType(RecordType type, bool first) {
    ASSIGN_OR_RETURN(
        std::unique_ptr<ObjectLister> lister,
        ObjectLister::Start(request_.inputs, Wanted(request_, type, first, progress_, unmatched_),
                            request_.stores, RulesOfListing(type, first)));
    HeldObjectRetryFeed waiting(*lister, progress_.source, Clock::Real());
    ObjectFeed* const feed =
        request_.wait_for_others ? &waiting : static_cast<ObjectFeed*>(lister.get());
    const ImportReport part = RunRecords({.request = request_,
                                          .sources = sources_,
                                          .type = type,
                                          .feed = *feed,
                                          .scripts = scripts_,
                                          .destination = destination_,
                                          .ledger = ledger_,
                                          .dead_letter = dead_letter_,
                                          .progress = progress_},
                                         stop_);
    report_.Add(part);
    still_held_ += waiting.held();
    // The inputs that could be listed may contain other record types.
    const absl::Status listing = lister->failure();
    if (!part.status.ok() && part.status == listing && !absl::IsCancelled(listing)) {
      listing_failure_.Update(listing);
      return absl::OkStatus();
    }
    return part.status;
  }

  // The inputs are listed once for each record type; skipped objects are reported once.
  ListingRules RulesOfListing(RecordType type, bool first) {
    ListingRules rules{.as_files = request_.as_files, .tables = request_.tables};
    if (!request_.force) {
      rules.tables.imported = [this, type](std::string_view table) {
        const auto key_now = [this, type](std::string_view object) -> std::optional<LedgerKey> {
          const auto config = sources_.Match(object);
          if (config == nullptr || config->record_type != type) return std::nullopt;
          return KeyOf({.uri = std::string(object)}, *config, destination_.LedgerName(type));
        };
        return ImportedFiles::Load(ledger_, key_now, table, stop_);
      };
    }
    rules.tables.warnings = &progress_.warnings;
    if (first) {
      rules.on_hidden = [this](std::string_view uri) {
        NoteHiddenName(uri, progress_.objects_hidden, progress_.warnings);
      };
    }
    return rules;
  }

  const ImportRequest& request_;
  Destination& destination_;
  const CurrentSources sources_;
  Ledger& ledger_;
  DeadLetterQueue& dead_letter_;
  const std::stop_token stop_;
  ImportProgress& progress_;
  const absl::Duration begin_ = Clock::Real().Elapsed();
  const uint64_t traffic_before_[2];  // requests and bytes
  ScriptPool scripts_;
  ImportReport report_;
  absl::Status listing_failure_;  // the first one of an input
  uint64_t still_held_ = 0;
  // The first ones; the lister's thread writes it while it exists.
  std::vector<std::string> unmatched_;
};

}  // namespace

void ImportReport::Add(const ImportReport& part) {
  if (status.ok()) status = part.status;
  counts += part.counts;
  objects += part.objects;
  objects_failed += part.objects_failed;
  objects_lost += part.objects_lost;
  retries += part.retries;
  if (first_error.empty()) first_error = part.first_error;
}

void ImportReport::AddProgress(const ImportProgress& progress, absl::Duration elapsed) {
  objects_skipped = progress.source.objects_skipped;
  objects_held = progress.source.objects_held;
  objects_unmatched = progress.objects_unmatched;
  objects_hidden = progress.objects_hidden;
  objects_config_changed = progress.source.objects_config_changed;
  for (const ConfigChange& change : progress.source.config_changes()) {
    config_changes.push_back(Describe(change));
  }
  if (first_error.empty() && !config_changes.empty()) first_error = config_changes.front();
  bytes_read = progress.source.bytes_read;
  elapsed_s = absl::ToDoubleSeconds(elapsed);
  warnings = progress.warnings.all();
  warnings_are_errors = progress.warnings.are_errors();
  if (first_error.empty() && warnings_are_errors && !warnings.empty()) {
    first_error = StrictError(warnings.front().first);
  }
}

ImportReport Import(const ImportRequest& request, Destination& destination, Ledger& ledger,
                    DeadLetterQueue& dead_letter, std::stop_token stop, ImportProgress& progress) {
  if (request.strict) progress.warnings.MakeErrors();
  if (!request.dry_run) {
    Importer importer(request, destination, ledger, dead_letter, std::move(stop), progress);
    absl::Status status = importer.RunAll();
    return importer.TakeReport(std::move(status));
  }
  NullDeadLetterQueue null_dead_letter_queue;
  absl::StatusOr<std::unique_ptr<Ledger>> memory_ledger =
      OpenSqliteLedger(":memory:", Clock::Real());
  if (!memory_ledger.ok()) return {.status = memory_ledger.status()};
  Importer importer(request, destination, **memory_ledger, null_dead_letter_queue, std::move(stop),
                    progress);
  absl::Status status = importer.RunAll();
  return importer.TakeReport(std::move(status));
}

std::vector<ImportReport> ImportAll(const ImportRequest& request,
                                    absl::Span<const std::unique_ptr<Destination>> destinations,
                                    Ledger& ledger, DeadLetterQueue& dead_letter,
                                    std::stop_token stop, std::vector<ImportProgress>& progress) {
  const std::atomic<int> sharing_runs(static_cast<int>(destinations.size()));
  ImportRequest each = request;
  each.run.sharing_runs = &sharing_runs;
  std::vector<ImportReport> reports(destinations.size());
  std::vector<std::jthread> threads;
  for (size_t i = 0; i < destinations.size(); ++i) {
    threads.emplace_back([&, i] {
      reports[i] = Import(each, *destinations[i], ledger, dead_letter, stop, progress[i]);
    });
  }
  threads.clear();  // joins
  return reports;
}

ImportReport Total(absl::Span<const ImportReport> reports) {
  ImportReport total = reports.front();
  for (const ImportReport& part : reports.subspan(1)) {
    total.Add(part);
    total.objects_skipped += part.objects_skipped;
    total.objects_held += part.objects_held;
    total.objects_config_changed += part.objects_config_changed;
    total.requests += part.requests;
    total.bytes_read += part.bytes_read;
    total.bytes_sent += part.bytes_sent;
    total.elapsed_s = std::max(total.elapsed_s, part.elapsed_s);
    total.destination += ", " + part.destination;
  }
  return total;
}

}  // namespace millrace
