// The contract of every Sink, kept by the one into Pub/Sub, over a real socket.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/strings.h"
#include "connectors/pubsub/pubsub_sink.h"
#include "connectors/pubsub/testing/scripted_pubsub.h"
#include "pipeline/testing/sink_contract.h"

namespace millrace {
namespace {

using pubsub::MessageOptions;
using pubsub::ScriptedPubsub;

// Who refuses BadRow(): the service, or the connector before it sends.
enum class Refuses { kService, kConnector };

template <bool kBatches, bool kOrdered, Refuses kRefuses>
class PubsubFixture final : public SinkFixture {
 public:
  PubsubFixture() {
    server_.publish = [this](int, const auto& request, auto& response, grpc::ServerContext&) {
      return Publish(request, response);
    };
    server_.Start();
    connection_ = std::make_unique<pubsub::Connection>(server_.options());
  }

  std::unique_ptr<Sink> NewSink() override {
    return pubsub::NewPubsubSink(
        *connection_, traffic_,
        {.topic = "projects/p/topics/good",
         .messages = MessageOptions{.batches = kBatches, .ordered = kOrdered}});
  }
  std::string GoodRow(int n) override {
    return StrCat(R"({"event":"good","properties":{"distinct_id":"u)", n % 7, R"(","n":)", n, "}}");
  }
  std::string BadRow(int n) override {
    const bool by_service = kRefuses == Refuses::kService;
    return StrCat(R"({"event":"bad","properties":{"distinct_id":"u)",
                  by_service ? "" : std::string(2000, 'x'), R"(","n":)", n, "}}");
  }
  int Arrived(int n) override {
    absl::MutexLock lock(&mutex_);
    return arrived_[GoodRow(n)];
  }
  bool FailNextWrite(bool with_effect) override {
    absl::MutexLock lock(&mutex_);
    fails_next_ = true;
    with_effect_ = with_effect;
    return true;
  }
  void RefuseAll(const std::string& reason) override {
    absl::MutexLock lock(&mutex_);
    refuses_all_ = reason;
  }

 private:
  grpc::Status Publish(const google::pubsub::v1::PublishRequest& request,
                       google::pubsub::v1::PublishResponse& response) {
    absl::MutexLock lock(&mutex_);
    if (!refuses_all_.empty()) return {grpc::StatusCode::INVALID_ARGUMENT, refuses_all_};
    const bool fails = std::exchange(fails_next_, false);
    const grpc::Status lost(grpc::StatusCode::UNAVAILABLE, "the response was lost");
    if (fails && !with_effect_) return lost;
    for (const auto& message : request.messages()) {
      if (message.data().find("\"bad\"") == std::string::npos) continue;
      return fails ? lost
                   : grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "it breaks the schema");
    }
    for (const auto& message : request.messages()) {
      std::string_view lines = message.data();
      while (!lines.empty()) {
        const std::string_view line = lines.substr(0, lines.find('\n'));
        lines.remove_prefix(std::min(line.size() + 1, lines.size()));
        ++arrived_[std::string(line)];
      }
      response.add_message_ids("id");
    }
    return fails ? lost : grpc::Status::OK;
  }

  ScriptedPubsub server_;
  std::unique_ptr<pubsub::Connection> connection_;
  Traffic traffic_;
  absl::Mutex mutex_;
  std::map<std::string, int> arrived_ ABSL_GUARDED_BY(mutex_);
  bool fails_next_ ABSL_GUARDED_BY(mutex_) = false;
  bool with_effect_ ABSL_GUARDED_BY(mutex_) = false;
  std::string refuses_all_ ABSL_GUARDED_BY(mutex_);
};

template <bool kBatches, bool kOrdered, Refuses kRefuses>
std::unique_ptr<SinkFixture> Make() {
  return std::make_unique<PubsubFixture<kBatches, kOrdered, kRefuses>>();
}

INSTANTIATE_TEST_SUITE_P(Records, SinkContract,
                         testing::Values(Make<false, false, Refuses::kService>,
                                         Make<false, true, Refuses::kService>,
                                         Make<false, true, Refuses::kConnector>));
INSTANTIATE_TEST_SUITE_P(Batches, SinkContract,
                         testing::Values(Make<true, false, Refuses::kService>,
                                         Make<true, true, Refuses::kConnector>));

}  // namespace
}  // namespace millrace
