// Loads staged files into a table by load jobs.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_LOAD_JOBS_H_
#define MILLRACE_CONNECTORS_BIGQUERY_LOAD_JOBS_H_

#include <functional>
#include <map>
#include <stop_token>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "connectors/bigquery/job_pace.h"
#include "connectors/bigquery/load_job.h"
#include "connectors/bigquery/rest_client.h"
#include "connectors/bigquery/table_spec.h"
#include "loads/file_loader.h"

namespace millrace::bigquery {

// The id of a job can be used once. A commit has the jobs "millrace_<commit>_0", "..._1" and so on:
// a job is created only after the one before it is known to have failed, so at most one of them
// loads anything, whoever asks for it and whenever the request arrives. A commit is abandoned by a
// query that does nothing and has the next id.
//
// Thread-safe. Statuses: those of RestClient::Send(), and of jobs that failed (JobFailure).
class LoadJobs final : public loads::FileLoader {
 public:
  struct Parts {
    RestClient& rest;
    const TableSpec& spec;
    std::string table;
    // Makes the table what it needs to be.
    std::function<absl::Status(std::stop_token stop)> prepare;
    Clock& clock;
  };
  // What the parts refer to outlives it.
  explicit LoadJobs(Parts parts);

  absl::Status Prepare(absl::Span<const Intent> open, std::stop_token stop) override;
  absl::StatusOr<Outcome> OutcomeOf(const std::string& commit, std::stop_token stop) override;
  absl::StatusOr<Outcome> Load(const loads::FileLoad& load, std::stop_token stop) override;
  absl::StatusOr<Outcome> Abandon(const loads::FileLoad& load, std::stop_token stop) override;

 private:
  // The first job of a commit that has not failed, or the one that would be created next.
  struct Current {
    JobId id;
    JobState state;
  };
  absl::StatusOr<Current> FindCurrent(const std::string& commit, const std::stop_token& stop);
  // Waits until the job has ended.
  absl::StatusOr<JobState> Await(const JobId& id, const std::stop_token& stop);
  absl::StatusOr<JobState> Look(const JobId& id, const std::stop_token& stop);
  // AlreadyExists: the id was used.
  absl::Status Insert(const std::string& job, const std::stop_token& stop);
  // Where the dataset, and so its jobs, are. NotFound: there is no dataset.
  absl::StatusOr<std::string> Location(const std::stop_token& stop);
  absl::Status CheckRows(const JobId& id, const JobState& state) const;
  void Forget(const std::string& commit);

  const Parts parts_;
  JobPace pace_;
  absl::Mutex mutex_;
  std::string location_ ABSL_GUARDED_BY(mutex_);  // empty: unknown
  // Of the commits in progress: how many of their jobs have failed.
  std::map<std::string, int> failed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_LOAD_JOBS_H_
