#include "proxy/log_destination.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/strings.h"

namespace millrace::proxy {
namespace {

constexpr absl::Duration kMaxWait = absl::Seconds(30);

class LogSink final : public Sink {
 public:
  LogSink(RecordAppender& log, Clock& clock, RecordType type)
      : log_(log), clock_(clock), type_(type) {}

  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan>,
                    std::stop_token stop) override {
    if (batch.empty()) return WriteResult::Durable();
    // Without a spool on disk the acknowledgement may come late, after this call.
    const auto outcome = std::make_shared<Outcome>();
    const Frame frame{.type = type_,
                      .count = static_cast<uint32_t>(batch.rows()),
                      .unix_micros = absl::ToUnixMicros(clock_.Now()),
                      .records = batch.bytes.view()};
    log_.Append({&frame, 1}, [outcome](const absl::Status& status) {
      absl::MutexLock lock(&outcome->mutex);
      outcome->status = status;
    });
    const std::stop_callback wake(stop, [&] { absl::MutexLock lock(&outcome->mutex); });
    const auto is_over = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(outcome->mutex) {
      return outcome->status.has_value() || stop.stop_requested();
    };
    absl::MutexLock lock(&outcome->mutex);
    outcome->mutex.AwaitWithTimeout(absl::Condition(&is_over), kMaxWait);
    if (!outcome->status) {
      return WriteResult::Retry(stop.stop_requested()
                                    ? absl::CancelledError("the replay was stopped")
                                    : absl::UnavailableError("the log did not answer in time"));
    }
    return outcome->status->ok() ? WriteResult::Durable() : WriteResult::Retry(*outcome->status);
  }

 private:
  struct Outcome {
    absl::Mutex mutex;
    std::optional<absl::Status> status ABSL_GUARDED_BY(mutex);
  };

  RecordAppender& log_;
  Clock& clock_;
  const RecordType type_;
};

class LogDestination final : public Destination {
 public:
  LogDestination(RecordAppender& log, Clock& clock) : log_(log), clock_(clock) {}

  const std::string& label() const override { return label_; }
  std::string LedgerName(RecordType type) const override { return std::string(PluralOf(type)); }
  absl::Status CheckConfig(RecordType) const override { return absl::OkStatus(); }
  std::unique_ptr<Sink> NewSink(RecordType type) override {
    return std::make_unique<LogSink>(log_, clock_, type);
  }
  std::vector<AccessCheck> Check(std::stop_token) override { return {}; }
  absl::Status Create(std::stop_token) override { return absl::OkStatus(); }
  absl::Status Drop(std::stop_token) override {
    return absl::InvalidArgumentError("the log of a proxy is no destination to be dropped");
  }
  std::vector<std::string> DropNames() const override { return {}; }

 private:
  RecordAppender& log_;
  Clock& clock_;
  const std::string label_ = "the proxy";
};

}  // namespace

std::unique_ptr<Destination> NewLogDestination(RecordAppender& log, Clock& clock) {
  return std::make_unique<LogDestination>(log, clock);
}

std::vector<Remapped> EnrichAgain(absl::Span<const KeptRow> rows, const TokenRules& tokens,
                                  Batch& out) {
  std::vector<Remapped> results(rows.size());
  Enricher enricher;
  EnrichedRecords records;
  for (size_t i = 0; i < rows.size(); ++i) {
    records.clear();
    const EnrichRequest request{.type = rows[i].config->record_type,
                                .unix_millis = static_cast<int64_t>(rows[i].number / 1000),
                                .tokens = &tokens};
    Remapped& result = results[i];
    if (!enricher.Enrich(rows[i].json, request, &records)) {
      result.why = {.code = "event_too_large", .message = "there are too many records in one"};
    } else if (!records.rejected.empty()) {
      RejectedRecord& first = records.rejected.front();
      result.why = {.code = std::string(first.code),
                    .field = std::move(first.field),
                    .message = std::move(first.message)};
    } else {
      result.outcome = MapOutcome::kMapped;
      std::string_view lines = records.lines.view();
      while (!lines.empty()) {
        const size_t end = lines.find('\n');
        out.bytes.Append(lines.substr(0, end));
        out.EndRow(i);
        lines.remove_prefix(end + 1);
      }
    }
  }
  return results;
}

}  // namespace millrace::proxy
