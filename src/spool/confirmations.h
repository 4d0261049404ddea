// Waits until every destination has certain records of a log: for answers that promise that.
#ifndef MILLRACE_SPOOL_CONFIRMATIONS_H_
#define MILLRACE_SPOOL_CONFIRMATIONS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/record_type.h"
#include "pipeline/ledger.h"
#include "record_log/record_log.h"

namespace millrace {

// Thread-safe.
class Confirmations {
 public:
  using Done = RecordLog::Done;

  explicit Confirmations(std::string spool_id) : spool_id_(std::move(spool_id)) {}
  ~Confirmations() { Close(); }

  // The ledger names of the destinations that take records of each type. Once, before the rest.
  void SetFollowers(std::map<RecordType, std::set<std::string>> ledger_names);

  // Calls `done` with ok once all records of the type up to `place` in its segment are accounted
  // for at every destination, from this call or from any thread.
  void Await(RecordType type, const FramePlace& place, Done done);

  // Unavailable for all that wait, and for whoever comes later.
  void Close();

  // A row of the spool's ledger, as it was stored.
  void OnStored(const LedgerEntry& entry);

 private:
  using Segment = std::pair<RecordType, uint64_t>;  // and its sequence number
  struct Places {
    std::map<std::string, uint64_t> rows;   // accounted for, by ledger name
    std::multimap<uint64_t, Done> waiting;  // by the rows that they wait for
  };

  uint64_t ConfirmedRows(const Segment& segment, const Places& places) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string spool_id_;
  absl::Mutex mutex_;
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<RecordType, std::set<std::string>> followers_ ABSL_GUARDED_BY(mutex_);
  std::map<Segment, Places> segments_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_SPOOL_CONFIRMATIONS_H_
