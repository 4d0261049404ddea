#include "import/import.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/time/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/sqlite/sqlite_ledger.h"
#include "import/map_transform.h"
#include "import/mixpanel_target.h"
#include "io/owner.h"

namespace millrace {
namespace {

using mixpanel::ImportTarget;

constexpr RecordType kRecordTypes[] = {RecordType::kEvent, RecordType::kUser, RecordType::kGroup};

std::string_view NameOf(RecordType type) {
  switch (type) {
    case RecordType::kEvent:
      return "events";
    case RecordType::kUser:
      return "users";
    case RecordType::kGroup:
      return "groups";
  }
  return "events";
}

bool HasRecords(const SourcesConfig& sources, RecordType type) {
  return std::any_of(sources.entries().begin(), sources.entries().end(),
                     [&](const auto& entry) { return entry->record_type == type; });
}

// Takes everything and sends nothing: the sink of a dry run.
class NullSink : public Sink {
 public:
  WriteResult Write(const Batch&, std::stop_token) override { return WriteResult::Durable(); }
};

// Keeps nothing: the dead letter of a dry run.
class NullDeadLetter : public DeadLetter {
 public:
  absl::Status Add(const LedgerKey&, absl::Span<const Rejection>) override {
    return absl::OkStatus();
  }
  absl::Status Sync(const LedgerKey&) override { return absl::OkStatus(); }
  absl::Status Rewind(const LedgerKey&, uint64_t) override { return absl::OkStatus(); }
};

// Which listed objects a pass over one kind of record takes.
class Wanted {
 public:
  Wanted(const ImportRequest& request, RecordType type, bool count_unmatched,
         ImportProgress& progress)
      : sources_(request.sources),
        type_(type),
        count_unmatched_(count_unmatched),
        progress_(progress) {
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
      ++progress_.objects_unmatched;
      Log(Severity::kWarning, "no entry of the config fits this object; it is left out",
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
  std::string config_;
};

// Every transform is loaded once up front, so that a script that does not compile stops the run
// before anything is read.
absl::Status CheckTransforms(const SourcesConfig& sources, absl::Time now, ScriptPool& scripts) {
  for (const auto& entry : sources.entries()) {
    if (entry->transform.empty()) continue;
    RETURN_IF_ERROR(RowMapper::Make(entry, now, &scripts).status());
  }
  return absl::OkStatus();
}

// One import: a run for each kind of record that the config has.
class Importer {
 public:
  Importer(const ImportRequest& request, Ledger& ledger, DeadLetter& dead_letter,
           std::stop_token stop, ImportProgress& progress)
      : request_(request),
        ledger_(ledger),
        dead_letter_(dead_letter),
        stop_(std::move(stop)),
        progress_(progress),
        pacer_(request.events_per_second, request.bytes_per_second, Clock::Real()) {}

  absl::Status RunAll() {
    RETURN_IF_ERROR(CheckTransforms(request_.sources, now_, scripts_));
    bool first = true;
    for (const RecordType type : kRecordTypes) {
      if (!HasRecords(request_.sources, type)) continue;
      RETURN_IF_ERROR(RunRecords(type, std::exchange(first, false)));
    }
    return absl::OkStatus();
  }

  ImportReport TakeReport(absl::Status status) {
    report_.status = std::move(status);
    report_.objects_skipped = progress_.source.objects_skipped;
    report_.objects_held = progress_.source.objects_held;
    report_.objects_unmatched = progress_.objects_unmatched;
    report_.bytes_read = progress_.source.bytes_read;
    report_.elapsed_s = absl::ToDoubleSeconds(Clock::Real().Elapsed() - begin_);
    if (report_.first_error.empty() && !report_.status.ok()) {
      report_.first_error = ToStd(report_.status.message());
    }
    return std::move(report_);
  }

 private:
  absl::Status RunRecords(RecordType type, bool first) {
    ASSIGN_OR_RETURN(std::unique_ptr<ObjectLister> lister,
                     ObjectLister::Start(request_.inputs, Wanted(request_, type, first, progress_),
                                         request_.stores));
    ImportTarget target;
    SetTarget(request_, type, pacer_, target);

    ObjectSourceOptions options{.destination = DestinationName(request_, type),
                                .owner = ThisOwner(),
                                .force = request_.force,
                                .lease = request_.run.lease};
    ObjectSource source(std::move(options), request_.sources, *lister, ledger_, progress_.source);
    const RunReport run = Run(
        {.source = source,
         .make_transform = [this] { return std::make_unique<MapTransform>(now_, &scripts_); },
         .make_sink = request_.dry_run ? SinkFactory([] { return std::make_unique<NullSink>(); })
                                       : MixpanelSinks(target),
         .ledger = ledger_,
         .dead_letter = dead_letter_},
        request_.run, stop_, &progress_.run);

    report_.counts += run.counts;
    report_.objects += run.objects;
    report_.objects_failed += run.objects_failed;
    report_.retries += run.retries;
    report_.requests += target.requests;
    report_.bytes_sent += target.bytes_sent;
    if (report_.first_error.empty()) report_.first_error = run.first_error;
    return run.status;
  }

  const ImportRequest& request_;
  Ledger& ledger_;
  DeadLetter& dead_letter_;
  const std::stop_token stop_;
  ImportProgress& progress_;
  const absl::Time now_ = absl::Now();
  const absl::Duration begin_ = Clock::Real().Elapsed();
  mixpanel::Pacer pacer_;
  ScriptPool scripts_;
  ImportReport report_;
};

}  // namespace

std::string DestinationName(const ImportRequest& request, RecordType type) {
  // Without a project id the token names the project; only a hash of it is kept.
  const std::string project =
      request.project_id.empty()
          ? StrCat("token-", ToHex(HashBytes(request.credentials.token)).substr(0, 12))
          : request.project_id;
  return StrCat("mixpanel:", request.endpoints.ingestion, ":", project, ":", NameOf(type));
}

ImportReport Import(const ImportRequest& request, Ledger& ledger, DeadLetter& dead_letter,
                    std::stop_token stop, ImportProgress& progress) {
  if (!request.dry_run) {
    Importer importer(request, ledger, dead_letter, std::move(stop), progress);
    absl::Status status = importer.RunAll();
    return importer.TakeReport(std::move(status));
  }
  NullDeadLetter nowhere;
  absl::StatusOr<std::unique_ptr<Ledger>> forgetful = OpenSqliteLedger(":memory:", Clock::Real());
  if (!forgetful.ok()) return {.status = forgetful.status()};
  Importer importer(request, **forgetful, nowhere, std::move(stop), progress);
  absl::Status status = importer.RunAll();
  return importer.TakeReport(std::move(status));
}

}  // namespace millrace
