// Where rows come from: a sequence of objects, each a sequence of chunks.
#ifndef MILLRACE_PIPELINE_SOURCE_H_
#define MILLRACE_PIPELINE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "pipeline/ledger.h"

namespace millrace {

// The content of a chunk. Only the Source that made it and the matching Transform look inside, so
// Run() treats a stream of ready batches and one of Parquet columns alike.
class Payload {
 public:
  virtual ~Payload() = default;
  virtual size_t memory() const = 0;  // bytes held, approximately
};

struct Chunk {
  // The object that the rows belong to: a claimed ledger entry, the same for all its chunks. Null:
  // Next() processed something without rows (an object that is done already, that another worker
  // holds, or that no longer exists) and can be called again.
  std::shared_ptr<const LedgerEntry> object;
  uint64_t first_row = 0;
  uint64_t rows = 0;
  Position after;     // the position after this chunk
  bool last = false;  // no chunk of the object follows
  // Set on a `last` chunk: the object cannot be read beyond `after` (damaged, missing, changed).
  // The ledger keeps it open with this as last_error, and the run continues with the next object.
  absl::Status error;
  std::unique_ptr<Payload> payload;  // null if rows == 0
};

// One caller at a time. Contract: pipeline/testing/source_contract.h.
class Source {
 public:
  virtual ~Source() = default;

  // Returns the next chunk, in order within its object; null at the end of the source. The chunks
  // of an object cover its rows from entry.position without gaps or overlaps, end with exactly one
  // `last` chunk (which may have no rows), and are not interleaved with those of another object.
  // The source owns the claim of an object until it returns the object's first chunk; from then on
  // the caller stores and releases it.
  //
  // An error ends the source; earlier chunks stay valid. Once `stop` is requested, the call returns
  // soon with any result, and the source may leave its object unfinished. A call that begins after
  // that returns no rows: null if nothing is left, else Cancelled.
  //
  // The call may block on networks, disks and the ledger. If Ready() is false it may also wait for
  // input to arrive, for other workers, or for chunks that the run has not finished. If Ready() was
  // true it waits for none of these three: if the available object has no rows, it returns a chunk
  // without an object. Unless the source was told not to wait for other workers, it ends only after
  // all objects it returned chunks of were acknowledged or released, because until then it may have
  // to return one of them again.
  virtual absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) = 0;

  // Whether Next() can do something (read, claim, return an error or the end) without waiting for
  // input to arrive, for other workers, or for chunks that the run has not finished. If not, the
  // run sends a small batch at once. Returns immediately: it calls nothing outside this process and
  // does not block. Like Next(), one caller at a time.
  virtual bool Ready() = 0;

  // The ledger has recorded all of `object`: the source may acknowledge it upstream and forget it.
  virtual void Ack(const LedgerEntry& object) { (void)object; }

  enum class Unfinished {
    kFailed,     // it cannot be read further: last_error says why
    kTakenOver,  // another worker has it
    kRunEnds,
  };
  // The run releases `object` unfinished. For each object that Next() returned chunks of, the run
  // calls either Ack() or Release(), once for each claim, from any thread. If the object was taken
  // over, the source may end it early while it is being read. Next() claims and returns it again,
  // unless the other worker finished it, or holds it and the source does not wait for others.
  virtual void Release(const LedgerEntry& object, Unfinished why) {
    (void)object;
    (void)why;
  }
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_SOURCE_H_
