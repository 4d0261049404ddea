#include "connectors/bigquery/insert_all_sink.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "base/byte_buffer.h"
#include "base/printable.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/bigquery/append_batch.h"
#include "connectors/bigquery/insert_row.h"
#include "pipeline/batch_identity.h"

namespace millrace::bigquery {
namespace {

using nlohmann::json;

constexpr size_t kMaxRows = 500;
constexpr size_t kMaxMessage = 500;

std::string TextOf(const json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// What a response says of one row of the request.
struct RowError {
  size_t row = 0;
  std::string reason;
  std::string message;
  std::string field;
};

// One for each row that has errors, the rows that only stopped because of others excepted.
// Unavailable: the response is not one of insertAll.
absl::StatusOr<std::vector<RowError>> RowErrorsOf(const json& response, size_t rows) {
  const absl::Status no_response = absl::UnavailableError("the response is not one of insertAll");
  if (!response.is_object()) return no_response;
  std::vector<RowError> found;
  const auto list = response.find("insertErrors");
  if (list == response.end()) return found;
  if (!list->is_array()) return no_response;
  bool has_stopped = false;
  for (const json& entry : *list) {
    const json index = entry.is_object() ? entry.value("index", json(0)) : json();
    const json errors = entry.is_object() ? entry.value("errors", json()) : json();
    if (!index.is_number_unsigned() || index.get<uint64_t>() >= rows || !errors.is_array()) {
      return no_response;
    }
    for (const json& error : errors) {
      RowError one{.row = index.get<size_t>(), .reason = TextOf(error, "reason")};
      if (one.reason == "stopped") {
        has_stopped = true;
        continue;
      }
      one.message = Printable(Shorten(TextOf(error, "message"), kMaxMessage));
      if (one.message.empty()) one.message = StrCat("BigQuery refused the row: ", one.reason);
      one.field = TextOf(error, "location");
      found.push_back(std::move(one));
      break;
    }
  }
  if (found.empty() && has_stopped) return no_response;
  return found;
}

bool MayPass(const RowError& error) {
  return error.reason == "timeout" || error.reason == "backendError" ||
         error.reason == "internalError" || error.reason == "rateLimitExceeded";
}

class InsertAllSink final : public Sink {
 public:
  explicit InsertAllSink(InsertAllParts parts)
      : parts_(std::move(parts)),
        path_(parts_.path + "/insertAll"),
        batch_(parts_.form, {.max_rows = kMaxRows, .encode = [this](TableRow row, ByteBuffer& out) {
                               AppendInsertRow(parts_.form, batch_id_, next_number_++, row, out);
                             }}) {}

  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                    std::stop_token stop) override {
    if (stop.stop_requested()) return WriteResult::Retry(StopRequested());
    if (const absl::Status ready = parts_.table.Ensure(stop); !ready.ok()) {
      return absl::IsUnavailable(ready) || absl::IsCancelled(ready) ? WriteResult::Retry(ready)
                                                                    : WriteResult::Stop(ready);
    }
    const BatchIdentity identity = BatchIdentity::Of(batch);
    if (in_progress_ != identity) {
      BeginIds();
      batch_.Encode(batch, spans, parts_.clock.Now());
      in_progress_ = identity;
      has_stored_ = false;
    }
    while (batch_.request_rows() > 0) {
      const absl::StatusOr<json> response = Send(stop);
      if (!response.ok()) {
        return Failure(Annotate(response.status(), "writing rows"));
      }
      const auto errors = RowErrorsOf(*response, batch_.request_rows());
      if (!errors.ok()) return WriteResult::Retry(errors.status());
      for (const RowError& error : *errors) {
        // An error of a row has a reason, a location and a message (ErrorProto). The reason of an
        // unknown column is "invalid", as of a bad value, and the location is the column in both
        // cases: only the message tells them apart.
        const bool is_new_column = parts_.table.is_settling() && error.reason == "invalid" &&
                                   error.message.find("no such field") != std::string::npos;
        if (MayPass(error) || is_new_column) {
          return WriteResult::Retry(
              absl::UnavailableError(StrCat(error.reason, ": ", error.message)));
        }
      }
      if (errors->empty()) {
        has_stored_ = true;
        batch_.Appended();
        continue;
      }
      for (const RowError& error : *errors) batch_.Refuse(error.row, error.message, error.field);
      batch_.Retried();
    }
    in_progress_.reset();
    return WriteResult::Durable(batch_.TakeRefused());
  }

 private:
  static std::string NewId() {
    std::random_device random;
    return StrCat(random(), "-", random());
  }

  // Ids that no other batch has, of whatever process.
  void BeginIds() {
    batch_id_ = StrCat(sink_id_, "-", batches_++);
    next_number_ = 0;
  }

  absl::StatusOr<json> Send(const std::stop_token& stop) {
    body_.clear();
    body_.Append(R"({"skipInvalidRows":false,"ignoreUnknownValues":false,"rows":)");
    for (size_t i = 0; i < batch_.request_rows(); ++i) {
      body_.Append(i == 0 ? '[' : ',');
      body_.Append(batch_.request_row(i));
    }
    body_.Append("]}");
    parts_.traffic.requests.fetch_add(1, std::memory_order_relaxed);
    parts_.traffic.bytes_sent.fetch_add(body_.size(), std::memory_order_relaxed);
    return parts_.rest->Send("POST", path_, body_.view(), "", stop);
  }

  WriteResult Failure(const absl::Status& why) {
    if (absl::IsCancelled(why)) return WriteResult::Retry(why);
    if (absl::IsUnavailable(why)) {
      return WriteResult::Retry(why, absl::ZeroDuration(), LimitOf(why) != Limit::kNone);
    }
    if (absl::IsNotFound(why)) {
      if (parts_.table.is_settling()) return WriteResult::Retry(why);
      parts_.table.Reset();
    }
    in_progress_.reset();
    if (absl::IsInvalidArgument(why) && !has_stored_) return WriteResult::RefusedWhole(why);
    return WriteResult::Stop(why);
  }

  const InsertAllParts parts_;
  const std::string path_;
  AppendBatch batch_;
  ByteBuffer body_;
  std::optional<BatchIdentity> in_progress_;  // the batch that is partly written, or may be
  bool has_stored_ = false;                   // some of it
  const std::string sink_id_ = NewId();
  std::string batch_id_;  // of insertId
  uint64_t next_number_ = 0;
  uint64_t batches_ = 0;
};

}  // namespace

std::unique_ptr<Sink> NewInsertAllSink(InsertAllParts parts) {
  return std::make_unique<InsertAllSink>(std::move(parts));
}

}  // namespace millrace::bigquery
