// Users' JavaScript: a function from record to records, run by JavaScriptCore.
#ifndef MILLRACE_SCRIPT_SCRIPT_H_
#define MILLRACE_SCRIPT_SCRIPT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/batch.h"

namespace millrace {

struct ScriptLimits {
  absl::Duration time_per_record = absl::Seconds(1);  // of CPU
  size_t memory = 256 << 20;                          // of the script's heap, in bytes
  // Limits of what one call returns: as large as an input row may be, and five full requests.
  size_t result_bytes = 16 << 20;  // of JSON
  size_t results = 10'000;
};

// A record for which the function gave no result.
struct ScriptFailure {
  size_t record = 0;    // its index
  std::string code;     // "transform_exception", "transform_timeout", "transform_memory" or
                        // "transform_output_too_large"
  std::string message;  // with line and column of the user's file where that is known
};

// A script with its own heap. One thread at a time.
//
// Time and memory are checked every few milliseconds of execution: a single call of a built-in
// function is not interrupted, and may exceed the limits. When memory runs out, the script is
// loaded again, without its global variables, and called again with the same record, because
// earlier records may have filled the heap. A record fails only if it fills an empty heap.
class Script {
 public:
  virtual ~Script() = default;

  // Calls the function with the records of `records` (JSON objects) from index `first` on, until
  // all of them are processed or the returned data takes `max_bytes`; returns the index of the
  // first one that is not processed. Processes at least one. Appends what the function returns to
  // `results`, in order, each with the index of its record as source row; failed records are
  // appended to `failures` and have no result. Records with neither were filtered.
  virtual size_t Run(const Batch& records, size_t first, size_t max_bytes, Batch& results,
                     std::vector<ScriptFailure>& failures) = 0;

  // `path` names the script in messages. InvalidArgument, with line and message, if `text` does not
  // load or does not export a function.
  static absl::StatusOr<std::unique_ptr<Script>> Load(std::string path, std::string_view text,
                                                      const ScriptLimits& limits = {});
};

}  // namespace millrace

#endif  // MILLRACE_SCRIPT_SCRIPT_H_
