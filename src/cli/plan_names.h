// The names that plans print for the enums and times of plan/plan.h.
#ifndef MILLRACE_CLI_PLAN_NAMES_H_
#define MILLRACE_CLI_PLAN_NAMES_H_

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "plan/plan.h"

namespace millrace::cli {

inline std::string_view StateName(ObjectPlan::State state) {
  switch (state) {
    case ObjectPlan::State::kNew:
      return "to do";
    case ObjectPlan::State::kPartlyDone:
      return "partly done";
    case ObjectPlan::State::kDone:
      return "done";
    case ObjectPlan::State::kConfigChanged:
      return "config changed";
  }
  return "to do";
}

inline std::string_view SeverityName(PlanProblem::Severity severity) {
  switch (severity) {
    case PlanProblem::Severity::kNote:
      return "note";
    case PlanProblem::Severity::kWarning:
      return "warning";
    case PlanProblem::Severity::kError:
      return "error";
  }
  return "note";
}

// "2024-04-24T01:13:01Z".
inline std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_PLAN_NAMES_H_
