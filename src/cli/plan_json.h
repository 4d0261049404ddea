// A plan as one JSON object; docs/verbs/plan.md names its members.
#ifndef MILLRACE_CLI_PLAN_JSON_H_
#define MILLRACE_CLI_PLAN_JSON_H_

#include <string>
#include <vector>

#include "plan/cost_estimate.h"
#include "plan/plan.h"

namespace millrace::cli {

std::string PlanAsJson(const ImportPlan& plan, const std::vector<CostLine>& costs);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_PLAN_JSON_H_
