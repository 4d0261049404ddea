// What an import would do, estimated from a sample of its objects; sends and records nothing.
#ifndef MILLRACE_PLAN_PLAN_H_
#define MILLRACE_PLAN_PLAN_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/warnings.h"
#include "import/import.h"
#include "mapping/sources_config.h"
#include "pipeline/ledger.h"
#include "plan/column_stats.h"
#include "plan/record_inspector.h"

namespace millrace {

struct PlanRequest {
  ImportRequest import;                      // what would be imported; run is not needed
  const Destination* destination = nullptr;  // where to; its credentials are not needed
  uint64_t sample_rows = 50'000;             // of each object; 0: all
  uint64_t sample_objects = 100;             // of each config entry, spread evenly; 0: all
  size_t previews = 3;                       // records shown of each entry, mapped and rejected
};

// Amounts of data.
struct Amounts {
  double rows = 0;
  double events = 0;
  double rejected = 0;
  double requests = 0;
  double bytes = 0;         // uncompressed JSON
  double padded_bytes = 0;  // the same; smaller records count as BilledUnit::min_record_bytes
  double gzip_bytes = 0;    // on the wire

  Amounts& operator+=(const Amounts& other);
  Amounts ScaledBy(double factor) const;
};

struct ObjectPlan {
  enum class State { kNew, kPartlyDone, kDone, kConfigChanged };
  std::string uri;
  uint64_t bytes = 0;
  State state = State::kNew;
  uint64_t rows_done = 0;  // accounted for by the ledger
  bool sampled = false;    // the following fields are known only then
  std::string format;      // "PARQUET"
  uint64_t sampled_rows = 0;
  bool exact = false;  // to_do.rows is a count, not an estimate
  Amounts to_do;
  std::string error;  // why the sample cannot be read to its end; empty: it can
};

// A word in cells of a column that counts as null (null_values).
struct NullWordCount {
  std::string column;
  std::string word;
  uint64_t cells = 0;
};

// A record as it was read and as it would be sent.
struct RecordPreview {
  std::string object;
  uint64_t row = 0;    // 0-based
  std::string before;  // JSON, or text if the row could not be read
  std::string after;   // JSON; empty if the record was rejected before it was mapped
};

struct RejectionStats {
  std::string code;
  std::string field;
  uint64_t records = 0;
  std::string message;  // of the first one
  RecordPreview first;
};

// Something that the user should know before the import.
struct PlanProblem {
  enum class Severity { kNote, kWarning, kError };
  Severity severity = Severity::kWarning;
  std::string code;       // a stable word for scripts
  std::string config_id;  // empty: of the plan as a whole
  std::string field;      // a column or property; empty: none
  std::string message;
  std::string advice;  // what to do; empty: nothing
};

struct EntryPlan {
  std::string config_id;
  RecordType record_type = RecordType::kEvent;
  uint64_t objects = 0;  // that match the entry
  uint64_t objects_done = 0;
  uint64_t objects_partly_done = 0;
  uint64_t objects_held = 0;            // partly done, and another worker has them now
  uint64_t objects_config_changed = 0;  // an import skips them
  uint64_t objects_changed = 0;         // new only because they changed
  uint64_t objects_sampled = 0;
  uint64_t objects_failed = 0;  // of the sampled ones
  uint64_t bytes = 0;           // of all its objects
  uint64_t bytes_to_do = 0;
  std::vector<std::string> formats;
  bool exact = false;  // to_do.rows is a count
  Amounts to_do;
  double seconds_at_quota = 0;
  uint64_t peak_memory_bytes = 0;

  // Of the sample:
  uint64_t sampled_rows = 0;
  uint64_t mapped = 0;
  uint64_t filtered = 0;
  uint64_t rejected = 0;
  RecordStats records;
  std::vector<RejectionStats> rejections;  // most records first
  std::vector<RecordPreview> previews;
  std::vector<std::string> columns;  // top-level columns seen in the sample
  std::vector<MissingColumn> missing_columns;
  std::vector<std::string> unused_columns;
  std::vector<NullWordCount> null_words;  // most cells first
  uint64_t largest_chunk_bytes = 0;       // memory of its rows and the records made from them

  // At most kMaxListed, in order of listing; `objects` counts all.
  static constexpr size_t kMaxListed = 1'000;
  std::vector<ObjectPlan> listed;

  uint64_t objects_to_do() const { return objects - objects_done - objects_config_changed; }
};

struct ImportPlan {
  std::vector<EntryPlan> entries;  // of the config, in its order
  uint64_t objects_unmatched = 0;
  std::vector<std::string> unmatched;  // the first few
  uint64_t objects_hidden = 0;         // skipped: their names begin with '.' or '_'
  std::vector<PlanProblem> problems;   // worst first
  std::vector<WarningCount> warnings;  // as the import would give them; also in `problems`
  bool warnings_are_errors = false;    // --strict
  Amounts to_do;
  bool exact = false;
  double seconds_at_quota = 0;
  uint64_t peak_memory_bytes = 0;
  bool stopped = false;  // a stop was requested: the plan covers what was read until then

  // No record of the sample would be rejected, all could be read, and no warning is an error.
  bool success() const;
};

// Live numbers, readable from any thread.
struct PlanProgress {
  std::atomic<uint64_t> objects{0};
  std::atomic<uint64_t> rows{0};
};

// Blocking. Memory is bounded for any input, except for 60 bytes per ledger row. Errors are those
// of listing, of the ledger and of loading transforms; an object that cannot be read is part of the
// plan.
absl::StatusOr<ImportPlan> PlanImport(const PlanRequest& request, LedgerReader& ledger,
                                      std::stop_token stop, PlanProgress& progress);

}  // namespace millrace

#endif  // MILLRACE_PLAN_PLAN_H_
