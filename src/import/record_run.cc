#include "import/record_run.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "base/retrier.h"
#include "base/status.h"
#include "io/worker_id.h"
#include "mapping/row_mapper.h"
#include "objects/map_transform.h"
#include "pipeline/intent_resolver.h"
#include "pipeline/null_sink.h"

namespace millrace {
namespace {

// What Run() needs of the destination; nothing of it in a dry run.
void SetSink(const RecordRun& run, RunParts& parts) {
  if (run.request.dry_run) {
    parts.make_sink = [] { return std::make_unique<NullSink>(); };
    return;
  }
  if (run.replacement != nullptr) {
    parts.replacement = run.replacement;
    parts.replacing_object = run.replacing_object;
    return;
  }
  parts.make_sink = [&run] { return run.destination.NewSink(run.type); };
  parts.cursor = run.destination.cursor(run.type);
  parts.staging = run.destination.staging(run.type);
}

// Ends the commits that other workers announced and did not finish. One thread at a time.
class CommitFinisher {
 public:
  CommitFinisher(const RecordRun& run, Staging& staging)
      : committer_(staging.NewCommitter()),
        retrier_(run.request.run.retry, Clock::Real()),
        resolver_(run.ledger, *committer_, run.dead_letter, retrier_, Clock::Real(),
                  run.request.run.lease) {}

  absl::Status operator()(const std::string& intent, bool owner_is_dead, std::stop_token stop) {
    return resolver_.Resolve(intent, CurrentWorkerId(), owner_is_dead, std::move(stop));
  }

 private:
  const std::unique_ptr<Committer> committer_;
  Retrier retrier_;
  IntentResolver resolver_;
};

}  // namespace

std::vector<RecordType> RecordTypesOf(const SourcesConfig& sources) {
  std::vector<RecordType> types;
  for (const RecordType type : {RecordType::kEvent, RecordType::kUser, RecordType::kGroup}) {
    if (std::any_of(sources.entries().begin(), sources.entries().end(),
                    [&](const auto& entry) { return entry->record_type == type; })) {
      types.push_back(type);
    }
  }
  return types;
}

absl::Status CheckTransforms(const SourcesConfig& sources, ScriptPool& scripts) {
  for (const auto& entry : sources.entries()) {
    if (entry->transform.empty()) continue;
    RETURN_IF_ERROR(RowMapper::Make(entry, absl::Now(), RecordRules(), &scripts).status());
  }
  return absl::OkStatus();
}

ImportReport RunRecords(const RecordRun& run, std::stop_token stop) {
  const ImportRequest& request = run.request;
  ObjectSourceOptions options{
      .record_type = run.type,
      .destination = run.destination.LedgerName(run.type),
      .owner = CurrentWorkerId(),
      .force = request.force,
      .on_forgotten =
          [&run](const LedgerKey& key) {
            // Their rows are evaluated again, under another key.
            return run.dead_letter.Rewind(key, 0);
          },
      .cursor = request.dry_run ? nullptr : run.destination.cursor(run.type),
      .lease = request.run.lease,
      .retry = request.run.retry,
      .tolerate_store_errors = run.tolerate_store_errors,
      .warnings = &run.progress.warnings};
  std::optional<CommitFinisher> finisher;
  if (Staging* const staging = run.destination.staging(run.type); staging && !request.dry_run) {
    finisher.emplace(run, *staging);
    options.resolve_intent = std::ref(*finisher);
  }
  ObjectSource source(std::move(options), run.sources, run.feed, run.ledger, run.progress.source);
  RunParts parts{.source = source,
                 .make_transform =
                     [&run] {
                       return std::make_unique<MapTransform>(Clock::Real(), run.destination.rules(),
                                                             &run.scripts);
                     },
                 .make_sink = nullptr,
                 .ledger = run.ledger,
                 .dead_letter = run.dead_letter};
  SetSink(run, parts);
  RunOptions run_options = request.run;
  run.destination.AdaptOptions(run_options);
  RunReport result = Run(parts, run_options, std::move(stop), &run.progress.run);
  ImportReport report;
  report.status = std::move(result.status);
  report.counts = result.counts;
  report.objects = result.objects;
  report.objects_failed = result.objects_failed;
  report.objects_lost = result.objects_lost;
  report.retries = result.retries;
  report.first_error = std::move(result.first_error);
  return report;
}

}  // namespace millrace
