// The problems that a plan reports, with advice.
#ifndef MILLRACE_PLAN_PLAN_PROBLEMS_H_
#define MILLRACE_PLAN_PLAN_PROBLEMS_H_

#include <string>
#include <string_view>
#include <vector>

#include "mapping/sources_config.h"
#include "plan/plan.h"

namespace millrace {

// All problems of a plan that is otherwise complete, worst first. Codes:
//   error    unreadable_object rejected_records
//   warning  no_entry_fits entry_without_objects missing_column identical_records many_event_names
//            no_user config_changed long_text deep_nesting long_list many_keys large_value
//   note     unused_columns future_times dates_only object_changed held identical_not_all_seen
std::vector<PlanProblem> FindProblems(const ImportPlan& plan, const SourcesConfig& sources);

// What to do about records that are rejected with `code`; "" for unknown codes.
std::string RejectionAdvice(std::string_view code);

}  // namespace millrace

#endif  // MILLRACE_PLAN_PLAN_PROBLEMS_H_
