// Faults that the sandbox injects on purpose, to test importers and exporters.
//
// Spec: NAME[=VALUE][:PROBABILITY], probability 1 if not given.
//
// These affect only ingestion requests (/import, /track, /engage, /groups), so that a test can
// compare what was accepted with what is stored:
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
// These affect only exports, or exports and queries (engage, cohorts, JQL):
//   export_status=CODE     exports get that status, 400 to 599, such as 402, 429 or 503
//   query_status=CODE      queries get it
//   slow_query=DURATION    responses of exports and queries are delayed
//   stale=DURATION         events that arrived within that time are not exported yet
//   terminated_early[=N]   after N records (without N: below 1,000) the export ends with the line
//                          "terminated early", in a response that is otherwise complete
//   cut_export[=BYTES]     the connection closes after that many bytes of the body, as sent
//                          (without BYTES: below 100,000)
//   short_gzip             a compressed export ends without its last bytes; the response is
//                          complete as HTTP sees it
//   split_records[=SHARE]  this share of records (0.01) is broken over two lines, anywhere
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
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/hash.h"
#include "sandbox/fault_spec.h"

namespace millrace::sandbox {

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

// Of the records of one export.
struct ExportFaults {
  std::optional<uint64_t> terminated_after;  // records
  double split_share = 0;
  uint64_t export_number = 0;
};

// The faults drawn for one export or query.
struct ReadFaults {
  int status = 0;  // or 0
  absl::Duration delay = absl::ZeroDuration();
  absl::Duration stale = absl::ZeroDuration();
  std::optional<uint64_t> cut_after;  // bytes
  bool short_gzip = false;
  ExportFaults records;
};

enum class ReadApi { kExport, kQuery };

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
  // The same for an export or a query. Hits of terminated_early, cut_export, short_gzip and
  // split_records count when they occur.
  ReadFaults DrawRead(ReadApi api);
  void CountHit(Fault fault);
  // By the record's four keys; a hit if true.
  bool RefusesRecord(const Hash128& key);
  // By the keys of all good records of a batch; a hit if true.
  bool RefusesBatch(absl::Span<const Hash128> keys);
  // Whether an export breaks the event in two; a hit if true. Depends on the export and the event.
  bool SplitsRecord(const ExportFaults& drawn, uint64_t event_id);
  // Where: from 0 to 1.
  double SplitPlace(uint64_t event_id) const;

 private:
  using Specs = std::vector<FaultSpec>;

  std::shared_ptr<const Specs> specs() const;
  // A number in [0, 1) from the seed and the keys of the decision.
  double Chance(std::string_view what, uint64_t high, uint64_t low) const;
  // The next draw of that fault.
  double NextChance(Fault fault, std::string_view what);
  bool Occurs(const FaultSpec& spec);
  void Add(const FaultSpec& spec, ReadFaults* drawn);

  const uint64_t seed_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Specs> specs_ ABSL_GUARDED_BY(mutex_) = std::make_shared<Specs>();
  std::array<uint64_t, kFaultKinds> hits_ ABSL_GUARDED_BY(mutex_) = {};
  std::array<uint64_t, kFaultKinds> draws_ ABSL_GUARDED_BY(mutex_) = {};
  uint64_t split_exports_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_FAULTS_H_
