// Destinations that can replace what they have: new records are collected where nobody sees them,
// and replace the old ones all at once.
#ifndef MILLRACE_PIPELINE_REPLACEMENT_H_
#define MILLRACE_PIPELINE_REPLACEMENT_H_

#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "pipeline/delivery_cursor.h"
#include "pipeline/sink.h"

namespace millrace {

// Which records of one type are replaced: those with a time in [since, until). Without limits, all.
struct Scope {
  absl::Time since = absl::InfinitePast();
  absl::Time until = absl::InfiniteFuture();

  bool is_everything() const {
    return since == absl::InfinitePast() && until == absl::InfiniteFuture();
  }
};

// Replaces one scope by the records of one object: the export of a day, say. Thread-safe; outlives
// its sinks. Contract: pipeline/testing/replacement_contract.h.
//
// A destination whose records have keys, and which keeps the record of the latest version whatever
// order they arrive in, may replace one by one instead: a record is visible when it is written, in
// place of the one with its key, and Publish() removes those that none has replaced. The versions,
// each claim's later than those before, then do what fences and atomic steps do below (ADR 0068).
//
// As a DeliveryCursor: Claim() lets `writer` collect the object's records from its first one. What
// was collected before, of whatever object, is removed, earlier writers are fenced, and no row is
// there. Forget() removes what is collected.
class Replacement : public DeliveryCursor {
 public:
  // Of what is collected. A write need not be durable before Publish(), which fails if it is lost.
  virtual std::unique_ptr<Sink> NewSink() = 0;

  // Replaces the scope's records with what `writer` has collected, all or nothing;
  // nobody sees a state in between. Unavailable, Cancelled: the outcome is unknown. Call
  // it again, which changes nothing if it was done. Aborted: another writer has claimed this
  // scope, and nothing was changed. FailedPrecondition: a record is outside of the scope, so that
  // the next replacement would not find it, or not all that was collected is still there. Other
  // errors: nothing was changed.
  virtual absl::Status Publish(const LedgerKey& object, const std::string& writer,
                               std::stop_token stop) = 0;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_REPLACEMENT_H_
