// A scripted gRPC server of Pub/Sub's methods, for faults that no real server produces on request:
// refusals, hangs, losses, false responses. Include it in .cc files only: it needs the headers of
// gRPC.
#ifndef MILLRACE_CONNECTORS_PUBSUB_TESTING_SCRIPTED_PUBSUB_H_
#define MILLRACE_CONNECTORS_PUBSUB_TESTING_SCRIPTED_PUBSUB_H_

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "base/strings.h"
#include "connectors/pubsub/connection.h"
#include "connectors/pubsub/iam_policy.grpc.pb.h"
#include "connectors/pubsub/pubsub.grpc.pb.h"

namespace millrace::pubsub {

namespace scripted {
namespace wire = google::pubsub::v1;
using Stream = grpc::ServerReaderWriter<wire::StreamingPullResponse, wire::StreamingPullRequest>;
}  // namespace scripted

class ScriptedPubsub : public scripted::wire::Publisher::Service,
                       public scripted::wire::Subscriber::Service,
                       public google::iam::v1::IAMPolicy::Service {
 public:
  // Number of the call, from 1. Called on the server's threads.
  std::function<grpc::Status(int call, scripted::Stream& stream, grpc::ServerContext& context)>
      pull =
          [](int, scripted::Stream&, grpc::ServerContext& context) { return WaitForEnd(context); };
  std::function<grpc::Status(int call, const scripted::wire::PublishRequest& request,
                             scripted::wire::PublishResponse& response,
                             grpc::ServerContext& context)>
      publish = [](int, const auto& request, auto& response, grpc::ServerContext&) {
        for (int i = 0; i < request.messages_size(); ++i) response.add_message_ids(StrCat("m", i));
        return grpc::Status::OK;
      };
  std::function<grpc::Status(int call, const scripted::wire::AcknowledgeRequest& request)> ack =
      [](int, const auto&) { return grpc::Status::OK; };
  std::function<grpc::Status(int call, const scripted::wire::ModifyAckDeadlineRequest& request)>
      modify = [](int, const auto&) { return grpc::Status::OK; };
  // The permissions that the caller has on a topic. Like an emulator, it does not know.
  std::function<grpc::Status(const std::string& topic,
                             google::protobuf::RepeatedPtrField<std::string>& granted)>
      permissions =
          [](const auto&, auto&) { return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, ""); };
  std::function<grpc::Status(scripted::wire::Topic& topic)> get_topic = [](auto&) {
    return grpc::Status::OK;
  };
  std::function<grpc::Status(const std::string& topic)> create_topic = [](const auto&) {
    return grpc::Status::OK;
  };
  std::function<grpc::Status(const std::string& topic)> delete_topic = [](const auto&) {
    return grpc::Status::OK;
  };
  std::function<grpc::Status(google::protobuf::RepeatedPtrField<std::string>& subscriptions)>
      list_subscriptions = [](auto& subscriptions) {
        subscriptions.Add("projects/p/subscriptions/one");
        return grpc::Status::OK;
      };

  void Start(std::shared_ptr<grpc::ServerCredentials> credentials = nullptr) {
    plaintext_ = credentials == nullptr;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0",
                             plaintext_ ? grpc::InsecureServerCredentials() : credentials, &port_);
    builder.SetMaxReceiveMessageSize(64 << 20);
    builder.RegisterService(static_cast<scripted::wire::Publisher::Service*>(this));
    builder.RegisterService(static_cast<scripted::wire::Subscriber::Service*>(this));
    builder.RegisterService(static_cast<google::iam::v1::IAMPolicy::Service*>(this));
    server_ = builder.BuildAndStart();
  }
  ~ScriptedPubsub() override {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  }

  ConnectionOptions options() const {
    return {.address = StrCat("127.0.0.1:", port_), .plaintext = plaintext_};
  }

  // Blocks until the client is gone or the server is shut down.
  static grpc::Status WaitForEnd(grpc::ServerContext& context) {
    while (!context.IsCancelled()) absl::SleepFor(absl::Milliseconds(2));
    return grpc::Status::CANCELLED;
  }

  static scripted::wire::StreamingPullResponse Response(const std::string& text,
                                                        bool exactly_once = false) {
    scripted::wire::StreamingPullResponse response;
    auto& received = *response.add_received_messages();
    received.set_ack_id("ack-" + text);
    received.mutable_message()->set_data(text);
    received.mutable_message()->set_message_id("id-" + text);
    response.mutable_subscription_properties()->set_exactly_once_delivery_enabled(exactly_once);
    return response;
  }

 private:
  grpc::Status StreamingPull(grpc::ServerContext* context, scripted::Stream* stream) override {
    scripted::wire::StreamingPullRequest first;
    if (!stream->Read(&first)) return grpc::Status::CANCELLED;
    return pull(++pulls_, *stream, *context);
  }
  grpc::Status Publish(grpc::ServerContext* context, const scripted::wire::PublishRequest* request,
                       scripted::wire::PublishResponse* response) override {
    return publish(++publishes_, *request, *response, *context);
  }
  grpc::Status Acknowledge(grpc::ServerContext*, const scripted::wire::AcknowledgeRequest* request,
                           google::protobuf::Empty*) override {
    return ack(++acks_, *request);
  }
  grpc::Status ModifyAckDeadline(grpc::ServerContext*,
                                 const scripted::wire::ModifyAckDeadlineRequest* request,
                                 google::protobuf::Empty*) override {
    return modify(++modifies_, *request);
  }

  grpc::Status TestIamPermissions(grpc::ServerContext*,
                                  const google::iam::v1::TestIamPermissionsRequest* request,
                                  google::iam::v1::TestIamPermissionsResponse* response) override {
    return permissions(request->resource(), *response->mutable_permissions());
  }
  grpc::Status GetTopic(grpc::ServerContext*, const scripted::wire::GetTopicRequest* request,
                        scripted::wire::Topic* topic) override {
    topic->set_name(request->topic());
    return get_topic(*topic);
  }
  grpc::Status CreateTopic(grpc::ServerContext*, const scripted::wire::Topic* request,
                           scripted::wire::Topic*) override {
    return create_topic(request->name());
  }
  grpc::Status DeleteTopic(grpc::ServerContext*, const scripted::wire::DeleteTopicRequest* request,
                           google::protobuf::Empty*) override {
    return delete_topic(request->topic());
  }
  grpc::Status ListTopicSubscriptions(
      grpc::ServerContext*, const scripted::wire::ListTopicSubscriptionsRequest*,
      scripted::wire::ListTopicSubscriptionsResponse* response) override {
    return list_subscriptions(*response->mutable_subscriptions());
  }

  std::atomic<int> pulls_{0};
  std::atomic<int> publishes_{0};
  std::atomic<int> acks_{0};
  std::atomic<int> modifies_{0};
  bool plaintext_ = true;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_TESTING_SCRIPTED_PUBSUB_H_
