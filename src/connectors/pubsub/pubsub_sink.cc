#include "connectors/pubsub/pubsub_sink.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "base/delayed_stop.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/pubsub/connection_internal.h"
#include "connectors/pubsub/publish_outcome.h"

namespace millrace::pubsub {
namespace {

namespace wire = google::pubsub::v1;

// One request; used again for the next, which saves the allocation of its messages.
struct Call {
  PublishPlan::Request rows;
  wire::PublishRequest request;
  wire::PublishResponse response;
  std::optional<grpc::ClientContext> context;
  std::optional<CancelOnStop> cancel;
  bool was_sent = false;  // else the status is that of the credentials
  absl::Status status;
};

// Requests in flight.
class PublishCalls {
 public:
  explicit PublishCalls(Connection::Rpc& rpc) : rpc_(rpc) {}

  int in_flight() const { return in_flight_; }

  // A call whose request is empty.
  std::unique_ptr<Call> New() {
    if (idle_.empty()) return std::make_unique<Call>();
    std::unique_ptr<Call> call = std::move(idle_.back());
    idle_.pop_back();
    call->request.clear_messages();
    return call;
  }

  // Returns at once, unless it has to wait for credentials. Cancels the call when `stop` is
  // requested.
  void Start(std::unique_ptr<Call> call, absl::Duration timeout, const std::stop_token& stop) {
    ++in_flight_;
    call->response.Clear();
    grpc::ClientContext& context = call->context.emplace();
    context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    if (absl::Status ready = rpc_.Prepare(context, call->request.topic(), stop); !ready.ok()) {
      call->was_sent = false;
      call->status = std::move(ready);
      return Finish(std::move(call));
    }
    call->was_sent = true;
    call->cancel.emplace(context, stop);
    Call* const raw = call.release();  // the callback owns it
    rpc_.publisher->async()->Publish(&context, &raw->request, &raw->response,
                                     [this, raw](const grpc::Status& status) {
                                       raw->status = StatusOf(status, raw->request.topic());
                                       Finish(std::unique_ptr<Call>(raw));
                                     });
  }

  // Waits for one that is finished. At least one is in flight.
  std::unique_ptr<Call> Await() {
    absl::MutexLock lock(&mutex_);
    while (finished_.empty()) changed_.Wait(&mutex_);
    std::unique_ptr<Call> call = std::move(finished_.back());
    finished_.pop_back();
    --in_flight_;
    return call;
  }

  void Recycle(std::unique_ptr<Call> call) {
    call->cancel.reset();
    call->context.reset();
    idle_.push_back(std::move(call));
  }

 private:
  void Finish(std::unique_ptr<Call> call) {
    absl::MutexLock lock(&mutex_);
    finished_.push_back(std::move(call));
    changed_.Signal();
  }

  Connection::Rpc& rpc_;
  int in_flight_ = 0;
  std::vector<std::unique_ptr<Call>> idle_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::vector<std::unique_ptr<Call>> finished_ ABSL_GUARDED_BY(mutex_);
};

class PubsubSink final : public Sink {
 public:
  PubsubSink(Connection& connection, Traffic& traffic, SinkOptions options)
      : options_(std::move(options)),
        traffic_(traffic),
        messages_(options_.messages, options_.request),
        plan_(options_.request),
        calls_(connection.rpc()) {}

  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan>, std::stop_token stop) override;

 private:
  void Start(const PublishPlan::Request& rows, const std::stop_token& stop);
  // Tells the plan what became of the call.
  void Apply(const Call& call, const std::stop_token& stop);
  void Fail(WriteResult result);

  const SinkOptions options_;
  Traffic& traffic_;
  RecordMessages messages_;
  PublishPlan plan_;
  PublishCalls calls_;
  std::optional<WriteResult> failure_;  // of this write
};

void PubsubSink::Start(const PublishPlan::Request& rows, const std::stop_token& stop) {
  std::unique_ptr<Call> call = calls_.New();
  call->rows = rows;
  call->request.set_topic(options_.topic);
  messages_.AppendTo(call->request, rows.rows);
  traffic_.requests.fetch_add(1, std::memory_order_relaxed);
  traffic_.bytes_sent.fetch_add(call->request.ByteSizeLong(), std::memory_order_relaxed);
  calls_.Start(std::move(call), options_.timeout, stop);
}

// What stops the run is reported before what does not, else the first failure.
void PubsubSink::Fail(WriteResult result) {
  if (!failure_ || (failure_->retryable() && !result.retryable())) failure_ = std::move(result);
}

void PubsubSink::Apply(const Call& call, const std::stop_token& stop) {
  absl::Status status = call.status;
  if (status.ok() && call.response.message_ids_size() != call.request.messages_size()) {
    status = absl::UnknownError(StrCat(options_.topic, ": ", call.request.messages_size(),
                                       " messages were sent and ", call.response.message_ids_size(),
                                       " confirmed"));
  }
  const absl::Status why = Annotate(status, "publishing to Pub/Sub");
  PublishOutcome outcome = ClassifyPublishStatus(status);
  if (outcome == PublishOutcome::kRefused && !call.was_sent) outcome = PublishOutcome::kStop;
  switch (outcome) {
    case PublishOutcome::kDurable:
      return plan_.Published(call.rows);
    case PublishOutcome::kRefused:
      return plan_.Refused(call.rows, ToStd(status.message()));
    case PublishOutcome::kStop:
      Fail(WriteResult::Stop(why));
      break;
    case PublishOutcome::kRetry:
    case PublishOutcome::kThrottled:
      Fail(WriteResult::Retry(stop.stop_requested() ? StopRequested() : why, absl::ZeroDuration(),
                              absl::IsResourceExhausted(status)));
      break;
  }
  plan_.Failed(call.rows);
}

WriteResult PubsubSink::Write(const Batch& batch, absl::Span<const BatchSpan>,
                              std::stop_token stop) {
  if (stop.stop_requested()) return WriteResult::Retry(StopRequested());
  messages_.Prepare(batch);
  std::vector<RefusedRow> refused = messages_.TakeRefused();
  plan_.Begin(batch, messages_.TakeLanes());
  failure_.reset();
  const DelayedStop late(stop, options_.stop_grace);
  for (;;) {
    if (late.token().stop_requested()) Fail(WriteResult::Retry(StopRequested()));
    while (!failure_ && !plan_.refused_whole() && calls_.in_flight() < options_.max_requests) {
      const std::optional<PublishPlan::Request> next = plan_.Next();
      if (!next) break;
      Start(*next, late.token());
    }
    if (calls_.in_flight() == 0) break;
    std::unique_ptr<Call> call = calls_.Await();
    Apply(*call, late.token());
    calls_.Recycle(std::move(call));
  }
  if (failure_) {
    plan_.PutAside(batch);
    return *std::move(failure_);
  }
  if (plan_.refused_whole()) {
    const absl::Status why = absl::FailedPreconditionError(ToAbsl(plan_.words()));
    (void)plan_.Finish();
    return WriteResult::RefusedWhole(Annotate(why, "publishing to Pub/Sub"));
  }
  std::vector<RefusedRow> by_service = plan_.Finish();
  refused.insert(refused.end(), std::make_move_iterator(by_service.begin()),
                 std::make_move_iterator(by_service.end()));
  std::sort(refused.begin(), refused.end(),
            [](const RefusedRow& a, const RefusedRow& b) { return a.row < b.row; });
  return WriteResult::Durable(std::move(refused));
}

}  // namespace

std::unique_ptr<Sink> NewPubsubSink(Connection& connection, Traffic& traffic, SinkOptions options) {
  return std::make_unique<PubsubSink>(connection, traffic, std::move(options));
}

}  // namespace millrace::pubsub
