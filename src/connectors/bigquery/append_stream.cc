#include "connectors/bigquery/append_stream.h"

#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_stream.h>

#include <optional>

#include "absl/time/clock.h"
#include "base/printable.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/bigquery/connection_internal.h"
#include "connectors/bigquery/wire_errors_internal.h"

namespace millrace::bigquery {
namespace {

constexpr size_t kMaxMessage = 1000;

}  // namespace

// The asynchronous interface of gRPC, one operation at a time, because only that can wait for a
// limited time.
class AppendStream::Call {
 public:
  explicit Call(absl::Duration timeout) : timeout_(timeout) {}
  ~Call() {
    if (stream_ != nullptr && !is_finished_) (void)Finish();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  grpc::ClientContext& context() { return context_; }
  Headers credentials;

  bool Start(wire::BigQueryWrite::Stub& stub) {
    stream_ = stub.PrepareAsyncAppendRows(&context_, &queue_);
    stream_->StartCall(this);
    return Await();
  }

  bool Exchange(const wire::AppendRowsRequest& request, wire::AppendRowsResponse& response) {
    stream_->Write(request, this);
    if (!Await()) return false;
    stream_->Read(&response, this);
    return Await();
  }

  // Ends the call, and says why it ended.
  grpc::Status Finish() {
    grpc::Status status;
    if (!is_over_) context_.TryCancel();
    stream_->Finish(&status, this);
    void* tag = nullptr;
    bool ok = false;
    (void)queue_.Next(&tag, &ok);
    is_finished_ = true;
    if (has_timed_out_) return {grpc::StatusCode::DEADLINE_EXCEEDED, "no answer in time"};
    return status;
  }

 private:
  // Whether the operation that was begun succeeded.
  bool Await() {
    void* tag = nullptr;
    bool ok = false;
    const auto deadline = absl::ToChronoTime(absl::Now() + timeout_);
    if (queue_.AsyncNext(&tag, &ok, deadline) != grpc::CompletionQueue::GOT_EVENT) {
      has_timed_out_ = true;
      context_.TryCancel();
      (void)queue_.Next(&tag, &ok);
      ok = false;
    }
    // An operation that fails is the last one: the call has a status.
    if (!ok) is_over_ = true;
    return ok;
  }

  const absl::Duration timeout_;
  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<wire::AppendRowsRequest, wire::AppendRowsResponse>>
      stream_;
  bool is_over_ = false;
  bool is_finished_ = false;
  bool has_timed_out_ = false;
};

AppendStream::AppendStream(Connection& connection, Traffic& traffic, std::string name,
                           std::string descriptor, absl::Duration timeout)
    : connection_(connection),
      traffic_(traffic),
      name_(std::move(name)),
      descriptor_(std::move(descriptor)),
      timeout_(timeout) {}

AppendStream::~AppendStream() = default;

StorageError AppendStream::Exchange(bool is_new, const wire::AppendRowsRequest& request,
                                    wire::AppendRowsResponse& response,
                                    const std::stop_token& stop) {
  const CancelOnStop cancel(call_->context(), stop);
  const bool is_connected = !is_new || call_->Start(*connection_.rpc().write);
  if (is_connected && call_->Exchange(request, response)) {
    return connection_.rpc().Judge({}, call_->credentials);
  }
  StorageError error = connection_.rpc().Judge(ErrorOf(call_->Finish()), call_->credentials);
  if (error.ok()) error.status = absl::AbortedError("the service closed the connection");
  if (stop.stop_requested()) error = {.status = StopRequested()};
  return error;
}

AppendOutcome AppendStream::Append(const AppendBatch& batch, std::optional<int64_t> offset,
                                   std::stop_token stop) {
  if (stop.stop_requested()) return {.error = {.status = StopRequested()}};
  wire::AppendRowsRequest request;
  request.set_write_stream(name_);
  if (offset) request.mutable_offset()->set_value(*offset);
  wire::AppendRowsRequest::ProtoData& data = *request.mutable_proto_rows();
  for (size_t i = 0; i < batch.request_rows(); ++i) {
    const std::string_view row = batch.request_row(i);
    data.mutable_rows()->add_serialized_rows(row.data(), row.size());
  }
  const bool is_new = call_ == nullptr;
  if (is_new) {
    (void)data.mutable_writer_schema()->mutable_proto_descriptor()->ParseFromString(descriptor_);
    request.set_trace_id("millrace");
    call_ = std::make_unique<Call>(timeout_);
    absl::StatusOr<Headers> credentials =
        connection_.rpc().Prepare(call_->context(), StrCat("write_stream=", name_), stop);
    if (!credentials.ok()) {
      call_.reset();
      return {.error = {.status = credentials.status()}};
    }
    call_->credentials = *std::move(credentials);
  }
  ++traffic_.requests;
  traffic_.bytes_sent += request.ByteSizeLong();
  wire::AppendRowsResponse response;
  if (StorageError error = Exchange(is_new, request, response, stop); !error.ok()) {
    call_.reset();
    return {.error = std::move(error)};
  }
  AppendOutcome outcome;
  for (const wire::RowError& row : response.row_errors()) {
    if (row.index() < 0 || static_cast<size_t>(row.index()) >= batch.request_rows()) continue;
    outcome.bad_rows.emplace_back(static_cast<size_t>(row.index()),
                                  Printable(Shorten(row.message(), kMaxMessage)));
  }
  if (response.has_error()) {
    outcome.error = ErrorOf(response.error());
    if (outcome.error.ok()) outcome.error.status = absl::UnknownError("an error without a code");
  } else if (!outcome.bad_rows.empty()) {
    outcome.error.status = absl::InvalidArgumentError("rows were refused");
  } else if (!response.has_append_result()) {
    outcome.error.status = absl::UnknownError("the service confirmed nothing");
  }
  return outcome;
}

}  // namespace millrace::bigquery
