// Where rows come from: a sequence of objects, each a sequence of chunks.
#ifndef MILLRACE_PIPELINE_SOURCE_H_
#define MILLRACE_PIPELINE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "pipeline/ledger.h"

namespace millrace {

// What a chunk carries. Only the Source that made it and the Transform that goes with it look
// inside; a stream of ready batches and one of Parquet columns look the same to Run().
class Payload {
 public:
  virtual ~Payload() = default;
  virtual size_t memory() const = 0;  // bytes held, about
};

struct Chunk {
  // The object the rows are of: a claimed ledger entry. Equal for all chunks of one object. Null:
  // this is not a chunk of anything. Next() dealt with something that has no rows to give (an
  // object that was done before, that another worker has, that is gone), and can be called again.
  std::shared_ptr<const LedgerEntry> object;
  uint64_t first_row = 0;
  uint64_t rows = 0;
  Position after;     // where the object goes on behind this chunk
  bool last = false;  // nothing of the object comes after this chunk
  // Set on a `last` chunk: the object cannot be read beyond `after` (damaged, gone, changed). The
  // ledger keeps it open with this as last_error, and the run goes on with the next object.
  absl::Status error;
  std::unique_ptr<Payload> payload;  // null if rows == 0
};

// One caller at a time. Contract: pipeline/testing/source_contract.h.
class Source {
 public:
  virtual ~Source() = default;

  // The next chunk, in order within its object; null at the end of everything. An object's chunks
  // cover its rows from entry.position without gap or overlap, end with exactly one `last` chunk
  // (which may hold no rows), and are not mixed with those of another object. From its first chunk
  // on an object's claim is the caller's to store and release; until then it is the source's.
  // An error ends the source; chunks given before it stay good. Once `stop` is requested the
  // answer, whatever it is, comes soon, and the source may leave its object unfinished. A call that
  // begins after that gives no rows: null if nothing is left, else Cancelled.
  // Blocking: for input to arrive, for other owners or for what the run has in hand if Ready() is
  // false, and in any case for networks, disks and the ledger. After Ready() was true it does not
  // wait for any of the former: if what was there has no rows to give, it returns a chunk without
  // an object. Unless the source was told not to wait for other owners, the end comes only once all
  // objects that chunks were given of are confirmed or given up: until then one may have to be
  // given again.
  virtual absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) = 0;

  // Whether there is something for Next() to do (read, claim, return an error or the end) without
  // waiting for input to arrive, for other owners, or for what the run has in hand. If not, a batch
  // that is still small is sent as it is. Answers at once: it calls nothing outside of this
  // process, and waits for nobody. Called as Next() is.
  virtual bool Ready() = 0;

  // The ledger has recorded everything of `object`: the source may acknowledge and let it go.
  virtual void Ack(const LedgerEntry& object) { (void)object; }

  enum class Unfinished {
    kFailed,     // it cannot be read on: last_error says why
    kTakenOver,  // another owner has it
    kRunEnds,
  };
  // The run lets go of `object` unfinished. Each object that chunks were given of comes to
  // Ack() or to Release(), once for each claim, from any thread. One that was taken over may end
  // early if it is being read, and is claimed and given again by Next(), unless the other owner has
  // finished it, or holds it and the source does not wait for others.
  virtual void Release(const LedgerEntry& object, Unfinished why) {
    (void)object;
    (void)why;
  }
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_SOURCE_H_
