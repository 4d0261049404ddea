// Runs a JQL script over the stored events and profiles.
#ifndef MILLRACE_SANDBOX_JQL_QUERY_H_
#define MILLRACE_SANDBOX_JQL_QUERY_H_

#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sandbox/event_store.h"
#include "sandbox/profile_store.h"
#include "sandbox/project_time.h"

namespace millrace::sandbox {

struct JqlLimits {
  absl::Duration time = absl::Minutes(2);        // of CPU, in all
  absl::Duration call_time = absl::Seconds(10);  // of CPU: main(), or some hundreds of records
  size_t memory = 256 << 20;                     // of the script's heap, in bytes
  size_t result_bytes = 256 << 20;               // of JSON
};

// What a query reads.
struct JqlData {
  EventStore& events;
  ProfileStore& profiles;
  const ProjectTime& project;
};

// `script` defines main(), as https://docs.mixpanel.com/docs/reports/apps/jql describes; `params`
// is a JSON object. What there is: jql_library.js. Returns a JSON array. FailedPrecondition, in
// Mixpanel's words: the script does not load, throws, or takes too much time or memory. Cancelled:
// `stop` was requested.
absl::StatusOr<std::string> RunJql(const JqlData& data, std::string_view script,
                                   std::string_view params, const JqlLimits& limits,
                                   const std::stop_token& stop);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_JQL_QUERY_H_
