// The word that there is an object to import, whoever brought it, and what became of it.
#ifndef MILLRACE_WATCH_OBJECT_NOTIFICATION_H_
#define MILLRACE_WATCH_OBJECT_NOTIFICATION_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "io/object_store.h"
#include "pipeline/ledger.h"

namespace millrace::watch {

// The request that a log line belongs to, as Google Cloud names it; empty: none.
struct Trace {
  std::string trace_id;  // 32 hex digits, or "projects/P/traces/" and these
  std::string span_id;
  bool sampled = false;
};

enum class NotificationOutcome {
  kImported,    // the ledger has the object as done, by this watch
  kDoneBefore,  // it had it so before
  // It was sent, at least in part, under a config that has changed since, and is left alone:
  // `status` says what changed.
  kConfigChanged,
  kGone,     // there is no such object any more
  kIgnored,  // not what this watch imports: no config entry or input fits, a hidden name
  kHeld,     // another worker has it now
  kFailed,   // it cannot be read: `status`
  kBusy,     // too many objects wait
  kStopped,  // the watch ends, or the object went to another worker
};

struct NotificationResult {
  NotificationOutcome outcome = NotificationOutcome::kStopped;
  absl::Status status;
  ObjectInfo object;  // without size and version where they are not known
  Counts counts;      // of an object that was imported

  // Nothing is left to do: the sender need not tell again.
  bool settled() const { return outcome <= NotificationOutcome::kIgnored; }
};

// "imported", "done_before", ...: in logs, answers and metrics.
std::string_view NameOf(NotificationOutcome outcome);

struct ObjectNotification {
  std::string uri;
  std::string_view trigger;  // a literal: "http", "pubsub", "folder", "list"
  // When the object was written, as far as it is known; for the latency.
  absl::Time written = absl::InfinitePast();
  // The object as it was listed just now; else it is looked up when its turn comes.
  std::optional<ObjectInfo> listed;
  // A local file that nobody has said to be complete.
  bool maybe_unfinished = false;
  Trace trace;
  // Called once, from any thread, with nothing locked. Without it nobody will tell of the object
  // again, so the watch itself tries again what did not succeed.
  std::function<void(const NotificationResult&)> ack;
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_OBJECT_NOTIFICATION_H_
