#include "sandbox/query_limits.h"

#include <algorithm>

#include "base/strings.h"
#include "sandbox/limits.h"

namespace millrace::sandbox {
namespace {

constexpr size_t kExportsPerSecond = 3;
constexpr int64_t kConcurrencyRetryS = 10;

constexpr std::string_view kHelp =
    " For more information, please consult our documentation at "
    "https://help.mixpanel.com/hc/en-us/articles/115004602563-Rate-Limits-for-Export-API-Endpoints";

int64_t SecondsUntil(absl::Time then, absl::Time now) {
  return std::max<int64_t>(1, absl::ToInt64Seconds(absl::Ceil(then - now, absl::Seconds(1))));
}

}  // namespace

std::variant<QueryLimits::Permit, QueryLimits::Refusal> QueryLimits::Admit(
    ReadApi api, absl::Time now, bool counts, std::string_view project_id) {
  const size_t per_hour = state_->per_hour;
  if (per_hour == 0) return Permit();
  const bool is_query = api == ReadApi::kQuery;
  const size_t most = is_query ? kMaxRunningQueries : kMaxRunningExports;
  absl::MutexLock lock(&state_->mutex);
  Usage& usage = state_->usage[is_query ? 1 : 0];
  std::deque<absl::Time>& begun = usage.begun;
  while (!begun.empty() && begun.front() <= now - absl::Hours(1)) begun.pop_front();

  Refusal refusal;
  refusal.error = StrCat("Query rate limit exceeded for project_id: ", project_id,
                         ". This request exceeded the ");
  const size_t left = per_hour - std::min(per_hour, begun.size());
  const size_t free = most - std::min(most, usage.running);
  if (is_query) {
    refusal.policy = StrCat("\"project\";q=", per_hour, ";w=3600, \"project-concurrency\";q=", most,
                            ";qu=\"concurrent-requests\"");
  }
  if (counts && left == 0) {
    StrAppend(&refusal.error, "rate limit (", begun.size() + 1, "/", per_hour,
              " queries running in the last hour).", kHelp);
    refusal.retry_after_s = SecondsUntil(begun.front() + absl::Hours(1), now);
    refusal.state =
        StrCat("\"project\";r=0;t=", refusal.retry_after_s, ", \"project-concurrency\";r=", free);
    return refusal;
  }
  if (!is_query && begun.size() >= kExportsPerSecond &&
      *(begun.end() - kExportsPerSecond) > now - absl::Seconds(1)) {
    StrAppend(&refusal.error, "rate limit (", kExportsPerSecond + 1, "/", kExportsPerSecond,
              " queries running in the last second).", kHelp);
    refusal.retry_after_s = 1;
    return refusal;
  }
  if (free == 0) {
    StrAppend(&refusal.error, "concurrency limit (", usage.running + 1, "/", most,
              " queries running concurrently).");
    refusal.retry_after_s = kConcurrencyRetryS;
    refusal.state =
        StrCat("\"project\";r=", left, ", \"project-concurrency\";r=0;t=", refusal.retry_after_s);
    return refusal;
  }
  if (counts) begun.push_back(now);
  ++usage.running;
  const size_t index = is_query ? 1 : 0;
  return Permit(nullptr, [state = state_, index](void*) {
    absl::MutexLock lock(&state->mutex);
    --state->usage[index].running;
  });
}

void QueryLimits::Clear() {
  absl::MutexLock lock(&state_->mutex);
  for (Usage& usage : state_->usage) usage.begun.clear();
}

}  // namespace millrace::sandbox
