// Where replayed records come from, and where what became of them goes.
#ifndef MILLRACE_REPLAY_REPLAY_QUEUE_H_
#define MILLRACE_REPLAY_REPLAY_QUEUE_H_

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "connectors/dead_letter_files/dead_letter_reader.h"
#include "connectors/dead_letter_files/replay_notes.h"
#include "connectors/pubsub/subscription.h"
#include "pipeline/dead_letter_queue.h"

namespace millrace {

// One thread at a time.
class ReplayQueue {
 public:
  virtual ~ReplayQueue() = default;

  using Visit = std::function<absl::Status(const DeadLetterRecord&, bool replayed)>;

  // Shows the records that fit `filter`, once each. A status of `visit` that is not ok ends it and
  // is returned; Cancelled soon after `stop` is requested.
  virtual absl::StatusOr<DeadLetterScan> Scan(const DeadLetterFilter& filter, const Visit& visit,
                                              std::stop_token stop) = 0;

  // What became of records that were shown, once the destination has confirmed it: `notes`, and the
  // new reasons of those that were rejected again. Durable on return. A record that it is not
  // called for stays as it is.
  virtual absl::Status Ack(absl::Span<const ReplayNote> notes,
                           const std::map<LedgerKey, std::vector<Rejection>>& again) = 0;
};

// The dead letters of `folder`, which imports may be writing meanwhile.
std::unique_ptr<ReplayQueue> NewDiskReplayQueue(const std::string& folder,
                                                Clock& clock = Clock::Real());

struct TopicReplayOptions {
  bool dry_run = false;  // everything is given back
  // The scan is over when no record that was not there before came for so long.
  absl::Duration idle = absl::Seconds(10);
};

// The messages of a subscription of a dead letter topic. A record that was delivered or filtered is
// acked, with every other message of the same record id; all else is given back: what was rejected
// again, for whatever reason, what does not fit the filter, what is no dead letter.
std::unique_ptr<ReplayQueue> NewTopicReplayQueue(pubsub::Subscription& subscription,
                                                 const TopicReplayOptions& options,
                                                 Clock& clock = Clock::Real());

// What NewTopicReplayQueue() holds at most: give a Subscription these limits.
inline constexpr size_t kMaxReplayMessages = 20'000;
inline constexpr size_t kMaxReplayBytes = 128 << 20;

}  // namespace millrace

#endif  // MILLRACE_REPLAY_REPLAY_QUEUE_H_
