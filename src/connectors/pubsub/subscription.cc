#include "connectors/pubsub/subscription.h"

#include <grpcpp/support/sync_stream.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "base/retrier.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/pubsub/ack_queue.h"
#include "connectors/pubsub/connection_internal.h"
#include "connectors/pubsub/held_messages.h"
#include "connectors/pubsub/rpc_status.pb.h"

namespace millrace::pubsub {
namespace {

namespace wire = google::pubsub::v1;

constexpr absl::Duration kCallTimeout = absl::Seconds(20);
// Keepalive traffic distinguishes an idle stream from a dead one.
constexpr absl::Duration kHeartbeat = absl::Seconds(30);
// How long the server may take to end a stream that is closed.
constexpr absl::Duration kEndStream = absl::Seconds(1);
// The minimum lease that Pub/Sub recommends with exactly-once delivery.
constexpr absl::Duration kExactlyOnceLease = absl::Seconds(60);

// Acknowledge and ModifyAckDeadline are separate calls, because the stream does not report failed
// ids.
class GrpcAckTransport : public AckTransport {
 public:
  GrpcAckTransport(Connection::Rpc& rpc, std::string name) : rpc_(rpc), name_(std::move(name)) {}

  AckResponse Acknowledge(const std::vector<std::string>& ack_ids, std::stop_token stop) override {
    wire::AcknowledgeRequest request;
    return Call(request, ack_ids, &wire::Subscriber::Stub::Acknowledge, std::move(stop));
  }

  AckResponse ModifyDeadline(const std::vector<std::string>& ack_ids, int seconds,
                             std::stop_token stop) override {
    wire::ModifyAckDeadlineRequest request;
    request.set_ack_deadline_seconds(seconds);
    return Call(request, ack_ids, &wire::Subscriber::Stub::ModifyAckDeadline, std::move(stop));
  }

 private:
  template <typename Request, typename Method>
  AckResponse Call(Request& request, const std::vector<std::string>& ack_ids, Method method,
                   std::stop_token stop) {
    request.set_subscription(name_);
    for (const std::string& ack_id : ack_ids) request.add_ack_ids(ack_id);
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kCallTimeout));
    if (const absl::Status status = rpc_.Prepare(context, name_, stop); !status.ok()) {
      return {.status = status, .failed = {}};
    }
    const CancelOnStop cancel(context, std::move(stop));
    google::protobuf::Empty reply;
    const grpc::Status status = (rpc_.subscriber.get()->*method)(&context, request, &reply);
    return {.status = StatusOf(status, name_), .failed = FailedIds(status)};
  }

  static std::map<std::string, std::string> FailedIds(const grpc::Status& status) {
    std::map<std::string, std::string> failed;
    google::rpc::Status details;
    if (status.ok() || !details.ParseFromString(status.error_details())) return failed;
    for (const auto& any : details.details()) {
      google::rpc::ErrorInfo info;
      if (!any.UnpackTo(&info)) continue;
      for (const auto& [ack_id, fate] : info.metadata()) {
        if (fate.starts_with("PERMANENT_FAILURE_") || fate.starts_with("TRANSIENT_FAILURE_")) {
          failed.emplace(ack_id, fate);
        }
      }
    }
    return failed;
  }

  Connection::Rpc& rpc_;
  const std::string name_;
};

class GrpcSubscription : public Subscription {
 public:
  GrpcSubscription(Connection& connection, SubscriptionOptions options, Clock& clock)
      : rpc_(connection.rpc()),
        options_(std::move(options)),
        clock_(clock),
        transport_(rpc_, options_.name),
        held_(std::make_shared<HeldMessages>(options_, transport_, clock)),
        reader_([this](std::stop_token stop) { Read(std::move(stop)); }),
        leaser_([this](std::stop_token stop) { ExtendLeases(std::move(stop)); }) {
    pthread_setname_np(reader_.native_handle(), "ps-read");
    pthread_setname_np(leaser_.native_handle(), "ps-lease");
  }

  ~GrpcSubscription() override { Close(absl::Seconds(5)); }

  absl::StatusOr<std::unique_ptr<Delivery>> Next(std::stop_token stop) override {
    return HeldMessages::Next(held_, std::move(stop));
  }
  bool Ready() override { return held_->Ready(); }
  SubscriptionCounts counts() const override { return held_->counts(); }

  // Asks the server to end the stream, so that messages in flight are read and given back at once.
  // Cancels the stream if that takes long.
  void Close(absl::Duration grace) override {
    reader_.request_stop();
    leaser_.request_stop();
    EndStream();
    read_.WaitForNotificationWithTimeout(std::min(grace, kEndStream));
    cancel_.request_stop();
    if (reader_.joinable()) reader_.join();
    if (leaser_.joinable()) leaser_.join();
    held_->Close(grace);
  }

 private:
  using Stream = grpc::ClientReaderWriter<wire::StreamingPullRequest, wire::StreamingPullResponse>;

  void Read(std::stop_token stop) {
    ReadStreams(std::move(stop));
    read_.Notify();
  }

  // Runs streams, one after another, until a stop or a permanent error.
  void ReadStreams(std::stop_token stop) {
    Retrier retrier(options_.retry, clock_);
    for (RetryLoop tries(retrier); !stop.stop_requested();) {
      const absl::Duration begin = clock_.Elapsed();
      bool received = false;
      absl::Status status = ReadStream(stop, received);
      if (stop.stop_requested()) return;
      const bool worked = received || clock_.Elapsed() - begin > kHeartbeat;
      if (worked) tries.Succeeded();
      if (status.ok()) status = absl::UnavailableError("the server ended the stream");
      // The token of a stream that has worked may have expired.
      const bool again = IsTransient(status) || (worked && absl::IsUnauthenticated(status));
      const absl::Status why = Annotate(status, "pulling from Pub/Sub");
      if (!again) return held_->Fail(why);
      // Streams normally end from time to time. An end is logged only if it is not routine.
      if (tries.failures() == 2) {
        Log(Severity::kWarning, "Pub/Sub cannot be reached; trying again",
            {{"subscription", options_.name}, {"error", ToStd(why.message())}});
      }
      const absl::Status waited = tries.WaitToRetry(why, absl::ZeroDuration(), stop);
      if (!waited.ok()) return held_->Fail(waited);
    }
  }

  absl::Status ReadStream(std::stop_token stop, bool& received) {
    grpc::ClientContext context;
    RETURN_IF_ERROR(rpc_.Prepare(context, options_.name, stop));
    const CancelOnStop cancel(context, cancel_.get_token());
    const std::unique_ptr<Stream> stream = rpc_.subscriber->StreamingPull(&context);
    held_->CountStream();
    if (stream->Write(FirstRequest())) {
      SetStream(stream.get());
      if (stop.stop_requested()) EndStream();
      wire::StreamingPullResponse response;
      while ((held_->WaitForRoom(stop) || stop.stop_requested()) && stream->Read(&response)) {
        received = true;
        Take(response);
      }
      SetStream(nullptr);
    }
    return StatusOf(stream->Finish(), options_.name);
  }

  wire::StreamingPullRequest FirstRequest() const {
    wire::StreamingPullRequest request;
    request.set_subscription(options_.name);
    request.set_stream_ack_deadline_seconds(
        static_cast<int>(absl::ToInt64Seconds(options_.leases.first)));
    request.set_client_id(StrCat("millrace-", getpid()));
    request.set_max_outstanding_messages(static_cast<int64_t>(options_.max_messages));
    request.set_max_outstanding_bytes(static_cast<int64_t>(options_.max_bytes));
    return request;
  }

  void Take(wire::StreamingPullResponse& response) {
    const bool exactly_once = response.subscription_properties().exactly_once_delivery_enabled();
    if (exactly_once) held_->SetLeastLease(kExactlyOnceLease);
    for (wire::ReceivedMessage& received : *response.mutable_received_messages()) {
      wire::PubsubMessage& message = *received.mutable_message();
      const size_t bytes = message.ByteSizeLong();
      ArrivedMessage arrived{.ack_id = std::move(*received.mutable_ack_id()),
                             .id = std::move(*message.mutable_message_id()),
                             .published = absl::FromUnixSeconds(message.publish_time().seconds()) +
                                          absl::Nanoseconds(message.publish_time().nanos()),
                             .attempt = received.delivery_attempt(),
                             .bytes = bytes};
      arrived.message.data = std::move(*message.mutable_data());
      for (const auto& [key, value] : message.attributes()) {
        arrived.message.attributes.emplace(key, value);
      }
      held_->Add(std::move(arrived), exactly_once);
    }
  }

  void ExtendLeases(std::stop_token stop) {
    absl::Duration heartbeat = clock_.Elapsed() + kHeartbeat;
    while (!stop.stop_requested()) {
      const HeldMessages::Due due = held_->WaitForDue(heartbeat, stop);
      for (size_t i = 0; i < due.ack_ids.size() && !stop.stop_requested(); i += kMaxAckIds) {
        const auto begin = due.ack_ids.begin() + static_cast<std::ptrdiff_t>(i);
        const auto end =
            begin + static_cast<std::ptrdiff_t>(std::min(kMaxAckIds, due.ack_ids.size() - i));
        const std::vector<std::string> ack_ids(begin, end);
        held_->Extended(ack_ids, transport_.ModifyDeadline(ack_ids, due.seconds, stop));
      }
      if (clock_.Elapsed() >= heartbeat) {
        Beat();
        heartbeat = clock_.Elapsed() + kHeartbeat;
      }
    }
  }

  void SetStream(Stream* stream) {
    absl::MutexLock lock(&stream_mutex_);
    stream_ = stream;
    ended_ = false;
  }

  void Beat() {
    absl::MutexLock lock(&stream_mutex_);
    if (stream_ != nullptr && !ended_) stream_->Write(wire::StreamingPullRequest());
  }

  void EndStream() {
    absl::MutexLock lock(&stream_mutex_);
    if (stream_ != nullptr && !std::exchange(ended_, true)) stream_->WritesDone();
  }

  Connection::Rpc& rpc_;
  const SubscriptionOptions options_;
  Clock& clock_;
  GrpcAckTransport transport_;
  const std::shared_ptr<HeldMessages> held_;
  absl::Mutex stream_mutex_;
  Stream* stream_ ABSL_GUARDED_BY(stream_mutex_) = nullptr;
  bool ended_ ABSL_GUARDED_BY(stream_mutex_) = false;  // nothing more is written to stream_
  std::stop_source cancel_;
  absl::Notification read_;  // the reader has ended
  std::jthread reader_;
  std::jthread leaser_;
};

}  // namespace

std::unique_ptr<Subscription> OpenSubscription(Connection& connection, SubscriptionOptions options,
                                               Clock& clock) {
  return std::make_unique<GrpcSubscription>(connection, std::move(options), clock);
}

}  // namespace millrace::pubsub
