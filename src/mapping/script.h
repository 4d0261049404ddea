// Users' JavaScript: a function from record to records, run by JavaScriptCore.
#ifndef MILLRACE_MAPPING_SCRIPT_H_
#define MILLRACE_MAPPING_SCRIPT_H_

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
};

// A record for which the function gave no result.
struct ScriptFailure {
  size_t record = 0;    // its index
  std::string code;     // "transform_exception", "transform_timeout" or "transform_memory"
  std::string message;  // with line and column of the user's file where that is known
};

// A script with a heap of its own. One thread at a time.
//
// Limits are looked at every few milliseconds of running: a single call of a built-in function is
// not interrupted, and may overshoot them. A record at which memory ran out fails, and the script
// is loaded anew, without what it had kept in global variables.
class Script {
 public:
  virtual ~Script() = default;

  // Calls the function with each record of `records` (JSON objects). What it returns is appended to
  // `results`, in order, each with the index of its record as source row; records that failed are
  // appended to `failures` and have no result. Records with neither were filtered.
  virtual void Run(const Batch& records, Batch& results, std::vector<ScriptFailure>& failures) = 0;

  // `path` names the script in messages. InvalidArgument, with line and message, if `text` does not
  // load or exports no function.
  static absl::StatusOr<std::unique_ptr<Script>> Load(std::string path, std::string_view text,
                                                      const ScriptLimits& limits = {});
};

}  // namespace millrace

#endif  // MILLRACE_MAPPING_SCRIPT_H_
