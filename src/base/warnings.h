// Warnings of a run: collected in one place, shown in the log, in the summary and in --json.
#ifndef MILLRACE_BASE_WARNINGS_H_
#define MILLRACE_BASE_WARNINGS_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace millrace {

struct Warning {
  std::string code;       // a stable word for scripts: "missing_column"
  std::string config_id;  // of the entry that it is about; empty: none
  std::string field;      // a column or property; empty: none
  std::string object;     // the uri it was seen in; empty: none
  std::string message;    // what was seen and what to do, without the object
};

// Warnings that agree in code, entry and field.
struct WarningCount {
  Warning first;
  uint64_t count = 0;
};

// Bounded and thread-safe.
class Warnings {
 public:
  static constexpr size_t kMaxKinds = 100;

  // Counts `warning`, as `count` of them. The first of each kind is logged and kept; beyond
  // kMaxKinds kinds they are only counted. Ok, unless warnings are errors: then InvalidArgument
  // with the message, for the caller to give up what the warning is about.
  absl::Status Add(Warning warning, uint64_t count = 1);

  // --strict.
  void MakeErrors() { are_errors_ = true; }
  bool are_errors() const { return are_errors_; }

  // In the order in which each kind was first seen. If there were more kinds than are kept, the
  // last one has the code "more_warnings" and counts the rest.
  std::vector<WarningCount> all() const;

 private:
  std::atomic<bool> are_errors_{false};
  mutable absl::Mutex mutex_;
  std::vector<WarningCount> kinds_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, size_t> by_key_ ABSL_GUARDED_BY(mutex_);  // index in kinds_
  uint64_t unkept_ ABSL_GUARDED_BY(mutex_) = 0;  // of kinds that are not kept
};

// The error that --strict turns `warning` into.
std::string StrictError(const Warning& warning);

}  // namespace millrace

#endif  // MILLRACE_BASE_WARNINGS_H_
