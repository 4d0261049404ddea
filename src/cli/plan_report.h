// A plan as a report for people.
#ifndef MILLRACE_CLI_PLAN_REPORT_H_
#define MILLRACE_CLI_PLAN_REPORT_H_

#include <string>
#include <vector>

#include "plan/cost_estimate.h"
#include "plan/plan.h"

namespace millrace::cli {

struct PlanReportOptions {
  std::string destination;  // "api.mixpanel.com"
  std::string config;       // the config's path; empty: Mixpanel's event format
  double events_per_second = 0;
  double bytes_per_second = 0;
  bool ledger_known = true;  // false: no project is given, so the ledger cannot be queried
  std::vector<CostLine> costs;
  bool color = false;
};

std::string PlanAsReport(const ImportPlan& plan, const PlanReportOptions& options);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_PLAN_REPORT_H_
