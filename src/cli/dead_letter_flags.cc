#include "cli/dead_letter_flags.h"

#include <map>
#include <optional>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "cli/pubsub_flags.h"
#include "connectors/dead_letter_files/disk_dead_letter_queue.h"
#include "connectors/pubsub/connection.h"
#include "connectors/pubsub/pubsub_dead_letter_queue.h"
#include "connectors/pubsub/resource_name.h"
#include "pipeline/split_dead_letter_queue.h"

namespace millrace::cli {
namespace {

// The dead-letter queue of a run, with the connections and publishers that it uses.
class OwnedDeadLetterQueue : public DeadLetterQueue {
 public:
  OwnedDeadLetterQueue(std::stop_token stop, absl::Duration stop_grace)
      : stop_(std::move(stop)), stop_grace_(stop_grace) {}

  absl::Status AddFolder(const std::string& folder) {
    ASSIGN_OR_RETURN(disk_, OpenDiskDeadLetterQueue(folder));
    return absl::OkStatus();
  }

  // The dead-letter queue of `topic`; two names of one topic share it.
  absl::StatusOr<DeadLetterQueue*> Topic(const std::string& topic, const Context& context) {
    ASSIGN_OR_RETURN(std::string name, pubsub::TopicName(topic, GoogleProject(context)));
    if (connection_ == nullptr) {
      ASSIGN_OR_RETURN(connection_, pubsub::OpenConnection(context.environment));
    }
    OneTopic& one = topics_[name];
    if (one.publisher == nullptr) {
      one.publisher = pubsub::NewPublisher(*connection_, {.topic = std::move(name)});
      one.dead_letter = pubsub::NewPubsubDeadLetterQueue(*one.publisher, stop_, stop_grace_);
    }
    return one.dead_letter.get();
  }

  void Use(DeadLetterQueue* unmapped, DeadLetterQueue* refused) {
    split_.emplace(unmapped == nullptr ? *disk_ : *unmapped,
                   refused == nullptr ? *disk_ : *refused);
  }

  absl::Status Add(const LedgerKey& object, absl::Span<const Rejection> rejections) override {
    return split_->Add(object, rejections);
  }
  absl::Status Sync(const LedgerKey& object) override { return split_->Sync(object); }
  absl::Status RemoveRows(const LedgerKey& object, uint64_t begin, uint64_t end) override {
    return split_->RemoveRows(object, begin, end);
  }

 private:
  struct OneTopic {
    std::unique_ptr<pubsub::Publisher> publisher;
    std::unique_ptr<DeadLetterQueue> dead_letter;
  };

  const std::stop_token stop_;
  const absl::Duration stop_grace_;
  std::unique_ptr<DeadLetterQueue> disk_;
  std::unique_ptr<pubsub::Connection> connection_;
  std::map<std::string, OneTopic> topics_;
  std::optional<SplitDeadLetterQueue> split_;
};

}  // namespace

void DeadLetterFlags::AddTo(std::vector<Flag>& flags) {
  const std::vector<Flag> own = {
      {"--dlq_topic_transform_errors", &transform_topic, "TOPIC",
       "Pub/Sub topic for records that could not be mapped: projects/P/topics/T or "
       "pubsub://P/T (default: the destination of --dlq)"},
      {"--dlq_topic_api_errors", &api_topic, "TOPIC",
       "Pub/Sub topic for records that Mixpanel rejected, in the same form (default: the "
       "destination of --dlq)"},
  };
  flags.insert(flags.end(), own.begin(), own.end());
}

bool DeadLetterFlags::UsesTopics(const StateFlags& state) const {
  return state.dead_letters.starts_with("pubsub://") || !transform_topic.empty() ||
         !api_topic.empty();
}

absl::StatusOr<std::unique_ptr<DeadLetterQueue>> DeadLetterFlags::Open(
    const StateFlags& state, absl::Duration stop_grace, const Context& context) const {
  auto dead_letter = std::make_unique<OwnedDeadLetterQueue>(context.stop, stop_grace);
  const std::string base = state.dead_letters.starts_with("pubsub://") ? state.dead_letters : "";
  const std::string& unmapped = transform_topic.empty() ? base : transform_topic;
  const std::string& refused = api_topic.empty() ? base : api_topic;
  DeadLetterQueue* unmapped_topic = nullptr;
  DeadLetterQueue* refused_topic = nullptr;
  if (!unmapped.empty()) {
    ASSIGN_OR_RETURN(unmapped_topic, dead_letter->Topic(unmapped, context));
  }
  if (!refused.empty()) {
    ASSIGN_OR_RETURN(refused_topic, dead_letter->Topic(refused, context));
  }
  if (unmapped_topic == nullptr || refused_topic == nullptr) {
    ASSIGN_OR_RETURN(const std::string folder, state.DeadLetterFolder(context));
    RETURN_IF_ERROR(dead_letter->AddFolder(folder));
  }
  dead_letter->Use(unmapped_topic, refused_topic);
  return dead_letter;
}

}  // namespace millrace::cli
