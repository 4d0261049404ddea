#include "connectors/pubsub/publisher.h"

#include <utility>

#include "absl/time/clock.h"
#include "base/retrier.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/pubsub/connection_internal.h"

namespace millrace::pubsub {
namespace {

namespace wire = google::pubsub::v1;

class GrpcPublisher : public Publisher {
 public:
  GrpcPublisher(Connection& connection, PublisherOptions options, Clock& clock)
      : rpc_(connection.rpc()), options_(std::move(options)), retrier_(options_.retry, clock) {}

  absl::Status Publish(absl::Span<const Message> messages, std::stop_token stop) override {
    for (const Message& message : messages) RETURN_IF_ERROR(CheckMessage(message));
    wire::PublishRequest request;
    request.set_topic(options_.topic);
    size_t bytes = 0;
    for (const Message& message : messages) {
      const size_t more = WireBytes(message);
      if (request.messages_size() == static_cast<int>(kMaxRequestMessages) ||
          (request.messages_size() > 0 && bytes + more > kMaxRequestBytes)) {
        RETURN_IF_ERROR(Send(request, stop));
        request.clear_messages();
        bytes = 0;
      }
      bytes += more;
      wire::PubsubMessage& out = *request.add_messages();
      out.set_data(message.data);
      out.mutable_attributes()->insert(message.attributes.begin(), message.attributes.end());
    }
    return request.messages_size() > 0 ? Send(request, stop) : absl::OkStatus();
  }

 private:
  absl::Status Send(const wire::PublishRequest& request, std::stop_token stop) {
    for (RetryLoop tries(retrier_);;) {
      const absl::Status status = Try(request, stop);
      if (status.ok()) {
        tries.Succeeded();
        return status;
      }
      const absl::Status annotated = Annotate(status, "publishing to Pub/Sub");
      if (stop.stop_requested()) return StopRequested();
      if (!IsTransient(status)) return annotated;
      RETURN_IF_ERROR(tries.WaitToRetry(annotated, absl::ZeroDuration(), stop));
    }
  }

  absl::Status Try(const wire::PublishRequest& request, const std::stop_token& stop) {
    grpc::ClientContext context;
    const CancelOnStop cancel(context, stop);
    context.set_deadline(absl::ToChronoTime(absl::Now() + options_.timeout));
    RETURN_IF_ERROR(rpc_.Prepare(context, options_.topic, stop));
    wire::PublishResponse response;
    RETURN_IF_ERROR(
        StatusOf(rpc_.publisher->Publish(&context, request, &response), options_.topic));
    if (response.message_ids_size() != request.messages_size()) {
      return absl::UnknownError(StrCat(options_.topic, ": ", request.messages_size(),
                                       " messages were sent and ", response.message_ids_size(),
                                       " confirmed"));
    }
    return absl::OkStatus();
  }

  Connection::Rpc& rpc_;
  const PublisherOptions options_;
  Retrier retrier_;
};

}  // namespace

std::unique_ptr<Publisher> NewPublisher(Connection& connection, PublisherOptions options,
                                        Clock& clock) {
  return std::make_unique<GrpcPublisher>(connection, std::move(options), clock);
}

}  // namespace millrace::pubsub
