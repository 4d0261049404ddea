// The source of replayed records, and the target of their outcomes.
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

  // Visits the records that match `filter`, once each. If `visit` returns an error, the scan ends
  // and returns it; Cancelled soon after `stop` is requested.
  virtual absl::StatusOr<DeadLetterScan> Scan(const DeadLetterFilter& filter, const Visit& visit,
                                              std::stop_token stop) = 0;

  // Records the outcomes of visited records, after the destination has confirmed them: `notes`, and
  // the new reasons of those that were rejected again. Durable on return. A record without this
  // call stays unchanged.
  virtual absl::Status Ack(absl::Span<const ReplayNote> notes,
                           const std::map<LedgerKey, std::vector<Rejection>>& again) = 0;
};

// The dead letters of `folder`; imports may write to it meanwhile.
std::unique_ptr<ReplayQueue> NewDiskReplayQueue(const std::string& folder,
                                                Clock& clock = Clock::Real());

struct TopicReplayOptions {
  bool dry_run = false;  // returns every message
  // The scan ends when no new record has arrived for this long.
  absl::Duration idle = absl::Seconds(10);
};

// The messages of a subscription to a dead-letter topic. A record that was delivered or filtered is
// acknowledged, with every other message of the same record id; all others are returned: records
// that were rejected again, records that do not match the filter, and messages that are not dead
// letters.
std::unique_ptr<ReplayQueue> NewTopicReplayQueue(pubsub::Subscription& subscription,
                                                 const TopicReplayOptions& options,
                                                 Clock& clock = Clock::Real());

// The maximum that NewTopicReplayQueue() holds: give the Subscription these limits.
inline constexpr size_t kMaxReplayMessages = 20'000;
inline constexpr size_t kMaxReplayBytes = 128 << 20;

}  // namespace millrace

#endif  // MILLRACE_REPLAY_REPLAY_QUEUE_H_
