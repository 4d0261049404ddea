// Which rows of an object are at the destination, as the destination itself knows: it stores this
// in the transaction that stores the rows, so that no row is there twice.
#ifndef MILLRACE_PIPELINE_DELIVERY_CURSOR_H_
#define MILLRACE_PIPELINE_DELIVERY_CURSOR_H_

#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/row_ranges.h"
#include "pipeline/ledger.h"

namespace millrace {

// Thread-safe. Unavailable: try again. Cancelled: `stop` was requested. Other errors are permanent.
class DeliveryCursor {
 public:
  virtual ~DeliveryCursor() = default;

  // Makes `writer` (see BatchSpan) the only writer of the object and returns the source rows whose
  // events are all there. Waits for writes of an earlier writer that are in progress; its later
  // ones are fenced. A source row that was refused is not among the rows.
  virtual absl::StatusOr<RowRanges> Claim(const LedgerKey& object, const std::string& writer,
                                          std::stop_token stop) = 0;

  // Forgets the object's rows under every config: they may be written again. For --force.
  virtual absl::Status Forget(const LedgerKey& object, std::stop_token stop) = 0;

  // `writer` writes no more rows of the object. `delivered`: the ledger has recorded that nothing
  // of it is left to deliver, so it is claimed again only if the ledger loses that, and what is
  // kept of it may be deleted. Returns soon.
  virtual void Release(const LedgerKey& object, const std::string& writer, bool delivered) {
    (void)object, (void)writer, (void)delivered;
  }
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_DELIVERY_CURSOR_H_
