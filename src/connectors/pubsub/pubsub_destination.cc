#include "connectors/pubsub/pubsub_destination.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/pubsub/connection.h"
#include "connectors/pubsub/pubsub_sink.h"
#include "connectors/pubsub/topic_admin.h"
#include "connectors/pubsub/topic_spec.h"

namespace millrace {
namespace {

using pubsub::Connection;
using pubsub::TopicSpec;

class PubsubDestination final : public Destination {
 public:
  PubsubDestination(TopicSpec spec, std::unique_ptr<Connection> connection)
      : spec_(std::move(spec)), connection_(std::move(connection)), label_(spec_.Label()) {
    for (const auto& [type, topic] : spec_.topics) topics_.insert(topic);
  }

  const std::string& label() const override { return label_; }

  std::string LedgerName(RecordType type) const override {
    return spec_.LedgerName(type, connection_->emulator());
  }

  // Each write has several requests in flight, so a few writes are enough. Rows of one ordering key
  // may be in any two batches: only one write at a time keeps their order. Then it is a large one,
  // because the rows of a request have to have different keys than those of the others in flight.
  void AdaptOptions(RunOptions& options) const override {
    options.max_writes = spec_.ordered ? 1 : std::min(options.max_writes, 8);
    options.initial_writes = std::min(options.initial_writes, options.max_writes);
    if (!spec_.ordered) return;
    options.join_rows = pubsub::kKeyLanes * pubsub::kMaxRequestMessages;
    options.join_bytes = options.write_batch_bytes;
  }

  SendLimits limits() const override {
    return {.batch_events = pubsub::SinkOptions().request.messages,
            .batch_bytes = pubsub::SinkOptions().request.bytes};
  }

  std::vector<BilledUnit> billed_units() const override {
    return {{.name = "pubsub_throughput",
             .unit = "TiB published",
             .size = static_cast<double>(uint64_t{1} << 40),
             .price = 40,
             .assumes = "without attributes; each subscription costs as much again"}};
  }

  absl::Status CheckConfig(RecordType type) const override {
    if (spec_.topics.contains(type)) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat("the destination ", label(), " names no topic for ",
                                             PluralOf(type), ": add ", PluralOf(type), "=TOPIC"));
  }

  std::unique_ptr<Sink> NewSink(RecordType type) override {
    const auto topic = spec_.topics.find(type);
    if (topic == spec_.topics.end()) return nullptr;
    return pubsub::NewPubsubSink(*connection_, traffic_,
                                 {.topic = topic->second,
                                  .messages = {.type = type,
                                               .form = spec_.form,
                                               .batches = spec_.batches,
                                               .ordered = spec_.ordered,
                                               .attributes = spec_.attributes}});
  }

  std::vector<AccessCheck> Check(std::stop_token stop) override {
    std::vector<AccessCheck> checks;
    for (const std::string& topic : topics_) {
      for (AccessCheck& check : pubsub::CheckTopic(*connection_, topic, stop)) {
        checks.push_back(std::move(check));
      }
    }
    return checks;
  }

  absl::Status Create(std::stop_token stop) override {
    for (const std::string& topic : topics_) {
      RETURN_IF_ERROR(pubsub::CreateTopic(*connection_, topic, stop));
    }
    return absl::OkStatus();
  }

  absl::Status Drop(std::stop_token stop) override {
    for (const std::string& topic : topics_) {
      RETURN_IF_ERROR(pubsub::DeleteTopic(*connection_, topic, stop));
    }
    return absl::OkStatus();
  }

  std::vector<std::string> DropNames() const override {
    std::vector<std::string> names;
    for (const std::string& topic : topics_) names.push_back(StrCat("topic ", topic));
    return names;
  }

 private:
  const TopicSpec spec_;
  const std::unique_ptr<Connection> connection_;
  const std::string label_;
  std::set<std::string> topics_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Destination>> OpenPubsubDestination(std::string_view uri,
                                                                   const Environment& environment) {
  ASSIGN_OR_RETURN(TopicSpec spec, TopicSpec::Parse(uri));
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, pubsub::OpenConnection(environment));
  return std::make_unique<PubsubDestination>(std::move(spec), std::move(connection));
}

}  // namespace millrace
