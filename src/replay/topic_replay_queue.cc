#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/status.h"
#include "base/strings.h"
#include "replay/replay_queue.h"

namespace millrace {
namespace {

// The limit of messages that are kept until they are returned at the end. Further messages are
// delayed and redelivered instead, so that they do not block others.
constexpr size_t kMaxKept = kMaxReplayMessages / 4;
constexpr size_t kMaxKeptBytes = kMaxReplayBytes / 4;

class TopicReplayQueue : public ReplayQueue {
 public:
  TopicReplayQueue(pubsub::Subscription& subscription, const TopicReplayOptions& options,
                   Clock& clock)
      : subscription_(subscription), options_(options), clock_(clock) {}

  absl::StatusOr<DeadLetterScan> Scan(const DeadLetterFilter& filter, const Visit& visit,
                                      std::stop_token stop) override {
    DeadLetterScan scan;
    absl::Duration last_new = clock_.Elapsed();
    for (;;) {
      const absl::Duration left = last_new + options_.idle - clock_.Elapsed();
      ASSIGN_OR_RETURN(std::unique_ptr<pubsub::Delivery> delivery, Next(left, stop));
      if (delivery == nullptr) return scan;
      const absl::StatusOr<DeadLetterRecord> record = ParseDeadLetter(delivery->message().data);
      const std::string id = record.ok() ? record->id() : StrCat("damaged ", delivery->id());
      const auto [known, is_new] = records_.try_emplace(id);
      if (!is_new) {
        TakeKnown(known->second, std::move(delivery));
        continue;
      }
      last_new = clock_.Elapsed();
      if (!record.ok()) {
        if (++scan.damaged == 1) {
          scan.first_damaged = StrCat("message ", delivery->id(), ": ", record.status().message());
        }
        GiveBack(std::move(delivery));
      } else if (!filter.Fits(*record)) {
        GiveBack(std::move(delivery));
      } else {
        ++scan.records;
        known->second.deliveries.push_back(std::move(delivery));
        RETURN_IF_ERROR(visit(*record, /*replayed=*/false));
      }
    }
  }

  absl::Status Ack(absl::Span<const ReplayNote> notes,
                   const std::map<LedgerKey, std::vector<Rejection>>&) override {
    if (options_.dry_run) return absl::OkStatus();
    for (const ReplayNote& note : notes) {
      const DeadLetterRecord record{.object = note.object, .rejection = {.source_row = note.row}};
      const auto found = records_.find(record.id());
      if (found == records_.end() || note.rejected_again) continue;
      found->second.done = true;
      for (const auto& delivery : found->second.deliveries) delivery->Ack();
      found->second.deliveries.clear();
    }
    return absl::OkStatus();
  }

 private:
  struct Record {
    bool done = false;
    std::vector<std::unique_ptr<pubsub::Delivery>> deliveries;  // not settled yet
  };

  // Null if nothing arrived within `wait`.
  absl::StatusOr<std::unique_ptr<pubsub::Delivery>> Next(absl::Duration wait,
                                                         std::stop_token stop) {
    if (wait <= absl::ZeroDuration() && !subscription_.Ready()) return nullptr;
    std::stop_source either;
    const std::stop_callback stopped(stop, [&] { either.request_stop(); });
    // A separate thread for the wait, because Next() has no time limit.
    std::jthread timer([&, wait](std::stop_token done) {
      if (clock_.SleepFor(wait, std::move(done))) either.request_stop();
    });
    absl::StatusOr<std::unique_ptr<pubsub::Delivery>> next = subscription_.Next(either.get_token());
    if (absl::IsCancelled(next.status()) && !stop.stop_requested()) return nullptr;
    return next;
  }

  void TakeKnown(Record& record, std::unique_ptr<pubsub::Delivery> delivery) {
    if (record.done) {
      delivery->Ack();
    } else if (record.deliveries.empty()) {
      GiveBack(std::move(delivery));
    } else {
      record.deliveries.push_back(std::move(delivery));
    }
  }

  void GiveBack(std::unique_ptr<pubsub::Delivery> delivery) {
    kept_bytes_ += pubsub::WireBytes(delivery->message());
    if (kept_.size() < kMaxKept && kept_bytes_ < kMaxKeptBytes) {
      kept_.push_back(std::move(delivery));
    } else {
      delivery->NackLater();
    }
  }

  pubsub::Subscription& subscription_;
  const TopicReplayOptions options_;
  Clock& clock_;
  absl::flat_hash_map<std::string, Record> records_;  // by record id
  std::vector<std::unique_ptr<pubsub::Delivery>> kept_;
  size_t kept_bytes_ = 0;
};

}  // namespace

std::unique_ptr<ReplayQueue> NewTopicReplayQueue(pubsub::Subscription& subscription,
                                                 const TopicReplayOptions& options, Clock& clock) {
  return std::make_unique<TopicReplayQueue>(subscription, options, clock);
}

}  // namespace millrace
