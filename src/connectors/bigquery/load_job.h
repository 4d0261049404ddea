// Load jobs as BigQuery's REST API describes them. Pure.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_LOAD_JOB_H_
#define MILLRACE_CONNECTORS_BIGQUERY_LOAD_JOB_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "connectors/bigquery/table_spec.h"
#include "loads/file_loader.h"

namespace millrace::bigquery {

struct JobId {
  std::string commit;  // 32 hex digits
  int attempt = 0;
  std::string location;

  // "millrace_<commit>_<attempt>".
  std::string name() const;
};

// The resources of jobs that do not exist yet. The load appends the files to a table that exists,
// all of them or none.
nlohmann::json NewLoadJob(const JobId& id, const TableSpec& spec, std::string_view table,
                          const loads::FileLoad& load);
// A query without tables, which takes the id.
nlohmann::json NewFenceJob(const JobId& id, const TableSpec& spec);

struct JobState {
  enum class Kind {
    kNone,     // there is no such job
    kRunning,  // or waits to run
    kLoaded,   // all files are loaded
    kFailed,   // nothing of it is loaded: `failure`
    kFence,    // the id is taken by a query
  };
  Kind kind = Kind::kNone;
  absl::Status failure;
  bool is_quota = false;  // the failure is that of the quota of jobs
  std::optional<uint64_t> rows;
  std::optional<uint64_t> rows_of_files;  // that it should have loaded
};

// What the resource of a job says. Unavailable: it is none.
absl::StatusOr<JobState> StateOf(const nlohmann::json& job);

// An error by its reason, with BigQuery's words: Unavailable, if another job may succeed, else
// FailedPrecondition.
absl::Status JobFailure(std::string_view reason, std::string_view message);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_LOAD_JOB_H_
