// The notification of an object to import, from any trigger, and its result.
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

// The request that a log line belongs to, in the terms of Google Cloud; empty: none.
struct Trace {
  std::string trace_id;  // 32 hex digits, or "projects/P/traces/" and these
  std::string span_id;
  bool sampled = false;
};

enum class NotificationOutcome {
  kImported,    // done in the ledger, by this watch
  kDoneBefore,  // it was done before
  // It was sent, at least in part, under a config that has changed since, and is skipped: `status`
  // says what changed.
  kConfigChanged,
  kGone,     // the object no longer exists
  kIgnored,  // not for this watch: no config entry or input matches, or a hidden name
  kHeld,     // another worker has it now
  kFailed,   // it cannot be read: `status`
  kBusy,     // too many objects wait
  kStopped,  // the watch ends, or another worker took the object over
};

struct NotificationResult {
  NotificationOutcome outcome = NotificationOutcome::kStopped;
  absl::Status status;
  ObjectInfo object;  // without size and version if they are not known
  Counts counts;      // of an object that was imported

  // Nothing is left to do: the sender need not send again.
  bool settled() const { return outcome <= NotificationOutcome::kIgnored; }
};

// "imported", "done_before", ...: in logs, responses and metrics.
std::string_view NameOf(NotificationOutcome outcome);

struct ObjectNotification {
  std::string uri;
  std::string_view trigger;  // a literal: "http", "pubsub", "folder", "list"
  // When the object was written, if known; for the latency.
  absl::Time written = absl::InfinitePast();
  // The object as it was just listed; if absent, it is looked up before it is processed.
  std::optional<ObjectInfo> listed;
  // A local file that is not known to be complete.
  bool maybe_unfinished = false;
  Trace trace;
  // Called once, from any thread, with no lock held. If it is null, no sender will repeat the
  // notification, so the watch itself retries failures.
  std::function<void(const NotificationResult&)> ack;
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_OBJECT_NOTIFICATION_H_
