// A plan as one JSON object; docs/verbs/plan.md names its members.
#ifndef MILLRACE_CLI_PLAN_JSON_H_
#define MILLRACE_CLI_PLAN_JSON_H_

#include <string>

#include "plan/plan.h"

namespace millrace::cli {

std::string PlanAsJson(const ImportPlan& plan);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_PLAN_JSON_H_
