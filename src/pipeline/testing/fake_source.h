// Objects whose rows define their outcome, and the Transform that produces it.
#ifndef MILLRACE_PIPELINE_TESTING_FAKE_SOURCE_H_
#define MILLRACE_PIPELINE_TESTING_FAKE_SOURCE_H_

#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "pipeline/ledger.h"
#include "pipeline/source.h"
#include "pipeline/transform.h"

namespace millrace {

// A row is "f" (filtered out), "r" (rejected by the transform), or one letter for each event it
// becomes: 'a' (the destination accepts it), 'x' (it refuses it) or 'y' (a staged destination
// refuses it in the commit). "axa" is a row of three events, of which the second is refused.
struct FakeObject {
  LedgerKey key;
  std::vector<std::string> rows;
  absl::Status error;  // not ok: the object cannot be read beyond its rows
};

// The line of event `index` of a row: another one under another config.
std::string FakeEvent(const LedgerKey& object, uint64_t row, size_t index, char letter);

// The counts of rows [0, end) once all is delivered. `whole_rows`: the destination refuses all
// events of a row with an 'x'.
Counts FakeCounts(const FakeObject& object, uint64_t end, bool whole_rows = false);

struct FakePayload : Payload {
  std::vector<std::string> rows;
  size_t memory() const override { return 64 * rows.size(); }
};

// Claims the objects one after another in the ledger; those that are done or held are skipped. One
// that another worker took over is claimed again after the others. All arguments outlive it.
class FakeSource : public Source {
 public:
  FakeSource(const std::vector<FakeObject>& objects, Ledger& ledger, std::string owner,
             size_t chunk_rows, absl::Duration lease = absl::Minutes(5))
      : objects_(objects),
        ledger_(ledger),
        owner_(std::move(owner)),
        chunk_rows_(chunk_rows),
        lease_(lease) {}
  // Releases what it has claimed and given no chunk of.
  ~FakeSource() override;

  // Called before a chunk of the object is read from `row` on: an error ends the object there.
  using ReadFault = std::function<absl::Status(const FakeObject& object, uint64_t row)>;
  void set_read_fault(ReadFault fault) { read_fault_ = std::move(fault); }

  // Finishes an open commit that covers an object, so that it can be claimed. Without it, such
  // objects are skipped.
  using ResolveIntent = std::function<absl::Status(const std::string& intent, std::stop_token)>;
  void set_resolve_intent(ResolveIntent resolve) { resolve_intent_ = std::move(resolve); }

  absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) override;
  bool Ready() override;
  void Ack(const LedgerEntry& object) override;
  void Release(const LedgerEntry& object, Unfinished why) override;

  std::vector<LedgerKey> confirmed() const {
    absl::MutexLock lock(&mutex_);
    return confirmed_;
  }
  std::vector<LedgerKey> given_up() const {
    absl::MutexLock lock(&mutex_);
    return given_up_;
  }

 private:
  // Sets entry_ if an object can be claimed now.
  absl::Status Claim(const std::stop_token& stop);
  const FakeObject* TakeObject();
  // Waits for an object to be lost, or a stop; false if all are acknowledged or released.
  bool AwaitLost(const std::stop_token& stop);
  std::unique_ptr<Chunk> ReadChunk();

  const std::vector<FakeObject>& objects_;
  Ledger& ledger_;
  const std::string owner_;
  const size_t chunk_rows_;
  const absl::Duration lease_;
  ReadFault read_fault_;
  ResolveIntent resolve_intent_;
  size_t next_object_ = 0;
  std::shared_ptr<const LedgerEntry> entry_;  // of the object being read
  const FakeObject* object_ = nullptr;        // that is being read
  uint64_t row_ = 0;
  bool given_ = false;  // a chunk of it
  mutable absl::Mutex mutex_;
  int in_progress_ ABSL_GUARDED_BY(mutex_) = 0;  // claimed, not acknowledged and not released
  std::deque<LedgerKey> lost_ ABSL_GUARDED_BY(mutex_);
  std::vector<LedgerKey> confirmed_ ABSL_GUARDED_BY(mutex_);
  std::vector<LedgerKey> given_up_ ABSL_GUARDED_BY(mutex_);
};

class FakeTransform : public Transform {
 public:
  void Begin(Chunk& chunk) override;
  bool Next(size_t max_bytes, Transformed& out) override;

 private:
  void Add(uint64_t row, const std::string& letters, Transformed& out) const;

  const Chunk* chunk_ = nullptr;
  uint64_t next_ = 0;  // row of the chunk
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_FAKE_SOURCE_H_
