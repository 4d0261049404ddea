// Where a run's records go: one --to of the command line.
#ifndef MILLRACE_PIPELINE_DESTINATION_H_
#define MILLRACE_PIPELINE_DESTINATION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/record_rules.h"
#include "base/record_type.h"
#include "base/strings.h"
#include "pipeline/billed_unit.h"
#include "pipeline/delivery_cursor.h"
#include "pipeline/event_reader.h"
#include "pipeline/replacement.h"
#include "pipeline/run.h"
#include "pipeline/sink.h"
#include "pipeline/staging.h"

namespace millrace {

// One permission that a destination needs, or another condition of its use.
struct AccessCheck {
  std::string what;     // "INSERT on table public.events"
  absl::Status status;  // ok: it is there
  std::string remedy;   // how to grant or create it: a statement, a command or a role; empty if ok
};

// How a destination limits what it is sent; for estimates.
struct SendLimits {
  double events_per_second = 0;  // 0: no limit
  double bytes_per_second = 0;   // of JSON; 0: no limit
  size_t batch_events = 2000;    // of one request or transaction
  size_t batch_bytes = 9'600'000;
};

// Live counters of all sinks of a destination; they count tries.
struct Traffic {
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> bytes_sent{0};
};

// Outlives its sinks. Thread-safe, but for the sinks. Nothing connects before it is needed.
class Destination {
 public:
  virtual ~Destination() = default;

  // What people call it, in messages, reports and metrics: "mixpanel", "postgres://host:5432/db".
  // No secret.
  virtual const std::string& label() const = 0;

  // LedgerKey::destination of records of `type`: what decides where they go, and no credentials, so
  // that another key or user does not make the ledger forget. Names in ledgers never change.
  virtual std::string LedgerName(RecordType type) const = 0;

  // False: a credential that LedgerName() depends on is missing, so it is not that of an import.
  virtual bool knows_ledger_name() const { return true; }

  virtual RecordRules rules() const { return {}; }

  // Sets what differs from the defaults: sizes of writes and commits, delays, how many at once.
  virtual void AdaptOptions(RunOptions& options) const { (void)options; }

  virtual SendLimits limits() const { return {}; }

  // What sending costs, for estimates; empty: nothing, or it is not known.
  virtual std::vector<BilledUnit> billed_units() const { return {}; }

  // What is wrong before anything is read: missing credentials, say. Calls nobody.
  virtual absl::Status CheckConfig(RecordType type) const = 0;

  // Exactly one of these two makes something. Direct: a write is durable when it returns.
  virtual std::unique_ptr<Sink> NewSink(RecordType type) {
    (void)type;
    return nullptr;
  }
  // Staged: writes become visible by commits. Null: it is direct.
  virtual Staging* staging(RecordType type) {
    (void)type;
    return nullptr;
  }
  // Of a direct destination that knows which rows it has. Null: it does not, and a repeat is made
  // harmless by other means, or not at all.
  virtual DeliveryCursor* cursor(RecordType type) {
    (void)type;
    return nullptr;
  }

  // Reads back the events that are there; the destination outlives it. InvalidArgument: this
  // destination cannot be read, or not with these credentials.
  virtual absl::StatusOr<std::unique_ptr<EventReader>> NewEventReader() {
    return absl::InvalidArgumentError(
        StrCat(label(), " cannot be read back, so nothing can be compared with it"));
  }

  // Replaces the records of `scope`, where a run appends otherwise; the destination outlives it.
  // InvalidArgument: this destination only appends, or cannot tell which records are in `scope`.
  virtual absl::StatusOr<std::unique_ptr<Replacement>> NewReplacement(RecordType type,
                                                                      const Scope& scope) {
    (void)type, (void)scope;
    return absl::InvalidArgumentError(
        StrCat("records in ", label(), " cannot be replaced: it only appends"));
  }

  // Deletes the records of `type`, events or users, that have one of these distinct_ids; durable
  // when it returns, and may be repeated. Returns how many rows. Unimplemented: Millrace cannot
  // delete there; the message says what can be done. Without ids, only this is found out.
  virtual absl::StatusOr<uint64_t> DeleteUsers(RecordType type,
                                               absl::Span<const std::string> distinct_ids,
                                               std::stop_token stop) {
    (void)type, (void)distinct_ids, (void)stop;
    return absl::UnimplementedError(
        StrCat("Millrace cannot delete rows in ", label(),
               ": delete those of these distinct_ids there, then export without --deletions; what "
               "was in the list is not exported again"));
  }

  const Traffic& traffic() const { return traffic_; }

  // What `millrace destinations` does. Check() looks at everything and does not stop at the first
  // problem. Create() makes what is missing and changes nothing that exists. Drop() removes what
  // Create() made, by exact names, what unfinished replacements left, and nothing else.
  virtual std::vector<AccessCheck> Check(std::stop_token stop) = 0;
  virtual absl::Status Create(std::stop_token stop) = 0;
  virtual absl::Status Drop(std::stop_token stop) = 0;
  // What Drop() would remove, by name, for the confirmation.
  virtual std::vector<std::string> DropNames() const = 0;

 protected:
  Traffic traffic_;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_DESTINATION_H_
