#include "connectors/bigquery/load_job.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "base/printable.h"
#include "base/strings.h"

namespace millrace::bigquery {
namespace {

using nlohmann::json;

constexpr char kRowsLabel[] = "millrace_rows";
constexpr size_t kMaxExplanation = 500;
constexpr size_t kMaxErrors = 3;  // of a job, that are shown

// Reasons for which the same job may succeed later.
constexpr std::string_view kPassing[] = {
    "backendError",      "internalError",        "jobBackendError",
    "jobInternalError",  "jobRateLimitExceeded", "quotaExceeded",
    "rateLimitExceeded", "tableUnavailable",     "timeout",
};

const json& Member(const json& object, const char* name) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

std::string TextOf(const json& object, const char* name) {
  const json& member = Member(object, name);
  return member.is_string() ? member.get<std::string>() : "";
}

json Head(const JobId& id, const TableSpec& spec, const char* label) {
  return {{"jobReference",
           {{"projectId", spec.project}, {"jobId", id.name()}, {"location", id.location}}},
          {"configuration", {{"labels", {{"millrace", label}}}}}};
}

// The rows that were bad come after the result of the job, which only counts them.
std::string MessageOf(const json& status) {
  std::string message = TextOf(Member(status, "errorResult"), "message");
  const json& errors = Member(status, "errors");
  size_t shown = 0;
  for (size_t i = 0; errors.is_array() && i < errors.size() && shown < kMaxErrors; ++i) {
    const std::string more = TextOf(errors[i], "message");
    if (more.empty() || message.find(more) != std::string::npos) continue;
    const std::string location = TextOf(errors[i], "location");
    StrAppend(&message, message.empty() ? "" : "; ", location, location.empty() ? "" : ": ", more);
    ++shown;
  }
  return message;
}

}  // namespace

std::string JobId::name() const { return StrCat("millrace_", commit, "_", attempt); }

json NewLoadJob(const JobId& id, const TableSpec& spec, std::string_view table,
                const loads::FileLoad& load) {
  json uris = json::array();
  for (const loads::LoadFile& file : load.files) uris.push_back(file.uri);
  json job = Head(id, spec, "load");
  uint64_t rows = 0;
  for (const loads::LoadFile& file : load.files) rows += file.rows;
  job["configuration"]["labels"][kRowsLabel] = StrCat(rows);
  job["configuration"]["load"] = {
      {"destinationTable",
       {{"projectId", spec.project}, {"datasetId", spec.dataset}, {"tableId", std::string(table)}}},
      {"sourceUris", std::move(uris)},
      {"sourceFormat", "NEWLINE_DELIMITED_JSON"},
      {"createDisposition", "CREATE_NEVER"},
      {"writeDisposition", "WRITE_APPEND"},
      {"maxBadRecords", 0},
      {"ignoreUnknownValues", false}};
  return job;
}

json NewFenceJob(const JobId& id, const TableSpec& spec) {
  json job = Head(id, spec, "fence");
  job["configuration"]["query"] = {{"query", "SELECT 1"}, {"useLegacySql", false}};
  return job;
}

absl::StatusOr<JobState> StateOf(const json& job) {
  const json& status = Member(job, "status");
  const std::string state = TextOf(status, "state");
  JobState found;
  if (!Member(Member(job, "configuration"), "load").is_object()) {
    const bool is_fence = Member(Member(job, "configuration"), "query").is_object();
    if (state.empty() || !is_fence) return absl::UnavailableError("the response is no job");
    found.kind = JobState::Kind::kFence;
    return found;
  }
  if (state == "PENDING" || state == "RUNNING") {
    found.kind = JobState::Kind::kRunning;
    return found;
  }
  if (state != "DONE") return absl::UnavailableError("the response is no job");
  if (const json& error = Member(status, "errorResult"); error.is_object()) {
    found.kind = JobState::Kind::kFailed;
    const std::string reason = TextOf(error, "reason");
    found.failure = JobFailure(reason, MessageOf(status));
    found.is_quota = reason == "quotaExceeded";
    return found;
  }
  found.kind = JobState::Kind::kLoaded;
  uint64_t rows = 0;
  const json& load = Member(Member(job, "statistics"), "load");
  if (absl::SimpleAtoi(TextOf(load, "outputRows"), &rows)) found.rows = rows;
  const json& labels = Member(Member(job, "configuration"), "labels");
  if (absl::SimpleAtoi(TextOf(labels, kRowsLabel), &rows)) found.rows_of_files = rows;
  return found;
}

absl::Status JobFailure(std::string_view reason, std::string_view message) {
  const std::string why = Printable(Shorten(
      StrCat("the load job failed, ", reason.empty() ? "without a reason" : reason, ": ", message),
      kMaxExplanation));
  const bool may_pass =
      std::find(std::begin(kPassing), std::end(kPassing), reason) != std::end(kPassing);
  return may_pass ? absl::UnavailableError(why) : absl::FailedPreconditionError(why);
}

}  // namespace millrace::bigquery
