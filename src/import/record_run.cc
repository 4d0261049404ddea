#include "import/record_run.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "base/status.h"
#include "import/mixpanel_target.h"
#include "io/worker_id.h"
#include "mapping/row_mapper.h"
#include "objects/map_transform.h"

namespace millrace {
namespace {

// Accepts everything and sends nothing: the sink of a dry run.
class NullSink : public Sink {
 public:
  WriteResult Write(const Batch&, absl::Span<const BatchSpan>, std::stop_token) override {
    return WriteResult::Durable();
  }
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
    RETURN_IF_ERROR(RowMapper::Make(entry, absl::Now(), &scripts).status());
  }
  return absl::OkStatus();
}

ImportReport RunRecords(const RecordRun& run, std::stop_token stop) {
  const ImportRequest& request = run.request;
  mixpanel::ImportTarget target;
  SetTarget(request, run.type, run.rate_limiter, target);
  ObjectSourceOptions options{.record_type = run.type,
                              .destination = DestinationName(request, run.type),
                              .owner = CurrentWorkerId(),
                              .force = request.force,
                              .on_forgotten =
                                  [&run](const LedgerKey& key) {
                                    // Their rows are evaluated again, under another key.
                                    return run.dead_letter.Rewind(key, 0);
                                  },
                              .lease = request.run.lease,
                              .retry = request.run.retry,
                              .tolerate_store_errors = run.tolerate_store_errors,
                              .warnings = &run.progress.warnings};
  ObjectSource source(std::move(options), run.sources, run.feed, run.ledger, run.progress.source);
  RunReport result =
      Run({.source = source,
           .make_transform =
               [&run] { return std::make_unique<MapTransform>(Clock::Real(), &run.scripts); },
           .make_sink = request.dry_run ? SinkFactory([] { return std::make_unique<NullSink>(); })
                                        : MixpanelSinks(target),
           .ledger = run.ledger,
           .dead_letter = run.dead_letter},
          request.run, std::move(stop), &run.progress.run);
  ImportReport report;
  report.status = std::move(result.status);
  report.counts = result.counts;
  report.objects = result.objects;
  report.objects_failed = result.objects_failed;
  report.objects_lost = result.objects_lost;
  report.retries = result.retries;
  report.requests = target.requests;
  report.bytes_sent = target.bytes_sent;
  report.first_error = std::move(result.first_error);
  return report;
}

}  // namespace millrace
