#include "connectors/bigquery/load_jobs.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::bigquery {
namespace {

using nlohmann::json;
using Kind = JobState::Kind;

constexpr absl::Duration kFirstPoll = absl::Milliseconds(200);
constexpr absl::Duration kMaxPoll = absl::Seconds(5);
constexpr absl::Duration kLongLoad = absl::Minutes(1);

absl::Status Explain(const absl::Status& status, std::string_view doing) {
  const absl::Status why = Annotate(status, doing);
  if (!absl::IsPermissionDenied(why)) return why;
  return absl::PermissionDeniedError(StrCat(ToStd(why.message()),
                                            "; grant roles/bigquery.jobUser on the project, and ",
                                            "roles/storage.objectViewer on the bucket"));
}

}  // namespace

LoadJobs::LoadJobs(Parts parts) : parts_(std::move(parts)), pace_(parts_.clock) {}

absl::Status LoadJobs::Prepare(absl::Span<const Intent>, std::stop_token stop) {
  {
    absl::MutexLock lock(&mutex_);
    location_.clear();  // it may be another dataset of the same name
  }
  return parts_.prepare(std::move(stop));
}

absl::StatusOr<std::string> LoadJobs::Location(const std::stop_token& stop) {
  {
    absl::MutexLock lock(&mutex_);
    if (!location_.empty()) return location_;
  }
  const std::string path =
      StrCat(UrlEncode(parts_.spec.project), "/datasets/", parts_.spec.dataset);
  const absl::StatusOr<json> dataset = parts_.rest.Send("GET", path, "", "", stop);
  if (!dataset.ok()) return Explain(dataset.status(), "looking at the dataset");
  const auto found = dataset->is_object() ? dataset->find("location") : dataset->end();
  if (found == dataset->end() || !found->is_string() || found->get<std::string>().empty()) {
    return absl::UnavailableError("BigQuery does not say where the dataset is");
  }
  absl::MutexLock lock(&mutex_);
  location_ = found->get<std::string>();
  return location_;
}

absl::StatusOr<JobState> LoadJobs::Look(const JobId& id, const std::stop_token& stop) {
  const std::string path = StrCat(UrlEncode(parts_.spec.project), "/jobs/", id.name(),
                                  "?location=", UrlEncode(id.location));
  const absl::StatusOr<json> job = parts_.rest.Send("GET", path, "", "", stop);
  if (absl::IsNotFound(job.status())) return JobState();
  if (!job.ok()) return Explain(job.status(), StrCat("looking at the load job ", id.name()));
  return StateOf(*job);
}

absl::Status LoadJobs::Insert(const std::string& job, const std::stop_token& stop) {
  const std::string path = StrCat(UrlEncode(parts_.spec.project), "/jobs");
  return parts_.rest.Send("POST", path, job, "", stop).status();
}

absl::StatusOr<LoadJobs::Current> LoadJobs::FindCurrent(const std::string& commit,
                                                        const std::stop_token& stop) {
  Current current{.id = {.commit = commit}, .state = {}};
  ASSIGN_OR_RETURN(current.id.location, Location(stop));
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      const auto failed = failed_.find(commit);
      if (failed != failed_.end()) current.id.attempt = failed->second;
    }
    ASSIGN_OR_RETURN(current.state, Look(current.id, stop));
    if (current.state.kind != Kind::kFailed) return current;
    absl::MutexLock lock(&mutex_);
    failed_[commit] = current.id.attempt + 1;
  }
}

absl::StatusOr<JobState> LoadJobs::Await(const JobId& id, const std::stop_token& stop) {
  const absl::Duration begin = parts_.clock.Elapsed();
  bool has_logged = false;
  for (absl::Duration wait = kFirstPoll;; wait = std::min(2 * wait, kMaxPoll)) {
    ASSIGN_OR_RETURN(JobState state, Look(id, stop));
    if (state.kind == Kind::kNone) {
      return absl::UnavailableError(StrCat("BigQuery does not know the job ", id.name(), " yet"));
    }
    if (state.kind != Kind::kRunning) return state;
    if (!has_logged && parts_.clock.Elapsed() - begin > kLongLoad) {
      has_logged = true;
      Log(Severity::kInfo, "waiting for a load job", {{"job", id.name()}});
    }
    if (!parts_.clock.SleepFor(wait, stop)) return StopRequested();
  }
}

// Of a job that has loaded, whoever made it.
absl::Status LoadJobs::CheckRows(const JobId& id, const JobState& state) const {
  const bool differs = state.rows && state.rows_of_files && *state.rows != *state.rows_of_files;
  if (!differs || parts_.spec.forgotten == Forgotten::kDone) return absl::OkStatus();
  return absl::DataLossError(
      StrCat("the job ", id.name(), " has loaded ", *state.rows, " of ", *state.rows_of_files,
             " rows. Compare the table with the source, add what is missing, and run the command ",
             "again with forgotten=done in the DEST"));
}

absl::StatusOr<LoadJobs::Outcome> LoadJobs::OutcomeOf(const std::string& commit,
                                                      std::stop_token stop) {
  const absl::StatusOr<Current> current = FindCurrent(commit, stop);
  if (absl::IsNotFound(current.status())) return Outcome::kNone;  // the dataset was dropped
  RETURN_IF_ERROR(current.status());
  if (current->state.kind == Kind::kLoaded) {
    RETURN_IF_ERROR(CheckRows(current->id, current->state));
    return Outcome::kCommitted;
  }
  return current->state.kind == Kind::kFence ? Outcome::kAbandoned : Outcome::kNone;
}

absl::StatusOr<LoadJobs::Outcome> LoadJobs::Load(const loads::FileLoad& load,
                                                 std::stop_token stop) {
  ASSIGN_OR_RETURN(Current current, FindCurrent(load.commit, stop));
  if (current.state.kind == Kind::kNone) {
    if (!pace_.Acquire(stop)) return StopRequested();
    const json job = NewLoadJob(current.id, parts_.spec, parts_.table, load);
    const absl::Status inserted = Insert(job.dump(), stop);
    if (LimitOf(inserted) == Limit::kQuota) pace_.QuotaExceeded();
    if (!inserted.ok() && !absl::IsAlreadyExists(inserted)) {
      return Explain(inserted, StrCat("creating the load job ", current.id.name()));
    }
  }
  ASSIGN_OR_RETURN(const JobState state, Await(current.id, stop));
  if (state.kind == Kind::kFailed) {
    if (state.is_quota) pace_.QuotaExceeded();
    return Annotate(state.failure, current.id.name());
  }
  Forget(load.commit);
  if (state.kind == Kind::kFence) return Outcome::kAbandoned;
  RETURN_IF_ERROR(CheckRows(current.id, state));
  return Outcome::kCommitted;
}

absl::StatusOr<LoadJobs::Outcome> LoadJobs::Abandon(const loads::FileLoad& load,
                                                    std::stop_token stop) {
  for (;;) {
    const absl::StatusOr<Current> current = FindCurrent(load.commit, stop);
    if (absl::IsNotFound(current.status())) {
      // Without the dataset no job can have loaded anything; a late one finds no files.
      RETURN_IF_ERROR(load.remove_files());
      return Outcome::kAbandoned;
    }
    RETURN_IF_ERROR(current.status());
    JobState state = current->state;
    if (state.kind == Kind::kNone) {
      const json job = NewFenceJob(current->id, parts_.spec);
      const absl::Status inserted = Insert(job.dump(), stop);
      if (!inserted.ok() && !absl::IsAlreadyExists(inserted)) {
        return Explain(inserted, StrCat("taking the id of the load job ", current->id.name()));
      }
    }
    ASSIGN_OR_RETURN(state, Await(current->id, stop));
    if (state.kind == Kind::kFailed) continue;
    Forget(load.commit);
    return state.kind == Kind::kFence ? Outcome::kAbandoned : Outcome::kCommitted;
  }
}

void LoadJobs::Forget(const std::string& commit) {
  absl::MutexLock lock(&mutex_);
  failed_.erase(commit);
}

}  // namespace millrace::bigquery
