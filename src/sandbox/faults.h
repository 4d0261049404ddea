// Faults that the sandbox injects on purpose, to test importers. They affect only ingestion
// requests (/import, /track, /engage, /groups); export and query stay correct, so that a test can
// compare what was accepted with what is stored.
//
// Spec: NAME[=VALUE][:PROBABILITY], probability 1 if not given.
//   401, 429               rejected with that status, nothing processed
//   503_retry_after[=S]    503 with Retry-After: S seconds (default 1), nothing processed
//   413_2mb, 413_10mb      that limit (2097152 or 10485760 bytes, uncompressed) is enforced;
//                          without a fault it is 10485760
//   slow=DURATION          the response is delayed ("500ms"); the request is processed at once
//   cut                    the connection closes in the middle of the response; whether the
//                          request was processed is random
//   reply_lost             processed, then closed without one byte of a response
//   partial_400[=SHARE]    /import rejects this share of the good records in failed_records and
//                          accepts the others
//   strings_400[=SHARE]    /import rejects whole batches, with strings in failed_records
//
// Tests can rely on this: which record partial_400 rejects depends only on its four keys (event,
// distinct_id, time, $insert_id) and the seed. A record that was rejected once is always rejected
// and never stored, so accepted = unique stored, rejected = the others, however the batches were
// split. SHARE is 0.01, or 1 if a probability is given; both are multiplied. strings_400 without
// SHARE decides by the four keys of a batch's records: the same batch always gets the same
// response. With SHARE, records are marked as partial_400 marks them, and a batch that contains a
// marked one is rejected (with PROBABILITY, by its content): splitting the batch finds it. The
// other faults draw a new number for each request: the n-th draw of a fault is the same for one
// seed.
#ifndef MILLRACE_SANDBOX_FAULTS_H_
#define MILLRACE_SANDBOX_FAULTS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/hash.h"

namespace millrace::sandbox {

enum class Fault {
  k401,
  k429,
  k503,
  k413Of2Mb,
  k413Of10Mb,
  kSlow,
  kCut,
  kResponseLost,
  kPartial400,
  kStrings400
};
inline constexpr size_t kFaultKinds = 10;

std::string_view FaultName(Fault fault);

struct FaultSpec {
  Fault fault = Fault::k401;
  std::string text;  // as given
  double share = 1;  // of records
  bool has_share = false;
  absl::Duration duration = absl::ZeroDuration();  // slow, 503_retry_after
  double probability = 1;
};

// InvalidArgument says what is wrong and lists the known faults.
absl::StatusOr<FaultSpec> ParseFault(std::string_view spec);

// The faults drawn for one request.
struct RequestFaults {
  absl::Duration delay = absl::ZeroDuration();
  int refusal = 0;  // 401, 429 or 503, or 0
  absl::Duration retry_after = absl::ZeroDuration();
  size_t max_body_bytes = 0;
  Fault size_fault = Fault::k413Of10Mb;
  bool size_limited = false;  // by size_fault
  bool cut = false;
  size_t cut_after = 0;
  bool processed = true;  // false only if `cut`
  bool reply_lost = false;
};

// Thread-safe.
class Faults {
 public:
  explicit Faults(uint64_t seed) : seed_(seed) {}

  // Replaces the active faults, unless one is invalid: then InvalidArgument, and nothing changes.
  absl::Status Set(const std::vector<std::string>& specs);
  std::vector<std::string> active() const;
  // How often each fault occurred since the last ResetHits(): active faults, and those that ever
  // occurred.
  std::vector<std::pair<std::string, uint64_t>> hits() const;
  void ResetHits();

  // Draws for the next request. All but size limits, partial_400 and strings_400 count as hits
  // here.
  RequestFaults Draw();
  void CountHit(Fault fault);
  // By the record's four keys; a hit if true.
  bool RefusesRecord(const Hash128& key);
  // By the keys of all good records of a batch; a hit if true.
  bool RefusesBatch(absl::Span<const Hash128> keys);

 private:
  using Specs = std::vector<FaultSpec>;

  std::shared_ptr<const Specs> specs() const;
  // A number in [0, 1) from the seed and the keys of the decision.
  double Chance(std::string_view what, uint64_t high, uint64_t low) const;
  // The next draw of that fault.
  double NextChance(Fault fault, std::string_view what);

  const uint64_t seed_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Specs> specs_ ABSL_GUARDED_BY(mutex_) = std::make_shared<Specs>();
  std::array<uint64_t, kFaultKinds> hits_ ABSL_GUARDED_BY(mutex_) = {};
  std::array<uint64_t, kFaultKinds> draws_ ABSL_GUARDED_BY(mutex_) = {};
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_FAULTS_H_
