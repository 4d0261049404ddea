// What sending the records of a plan costs, by prices that are inputs.
#ifndef MILLRACE_PLAN_COST_ESTIMATE_H_
#define MILLRACE_PLAN_COST_ESTIMATE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pipeline/billed_unit.h"
#include "plan/plan.h"

namespace millrace {

struct CostLine {
  std::string name;
  std::string unit;
  double amount = 0;  // of units
  double price = 0;   // of one
  bool price_given = false;
  std::string assumes;
  double cost() const { return amount * price; }
};

// By BilledUnit::name.
using Prices = std::map<std::string, double, std::less<>>;

// "NAME=VALUE" each. InvalidArgument: it is not, the value is no number from 0 up, or a name twice.
absl::StatusOr<Prices> ParsePrices(const std::vector<std::string>& texts);

// InvalidArgument: a price is of none of the units; the message lists them.
absl::StatusOr<std::vector<CostLine>> EstimateCosts(const Amounts& amounts,
                                                    const std::vector<BilledUnit>& units,
                                                    const Prices& prices);

}  // namespace millrace

#endif  // MILLRACE_PLAN_COST_ESTIMATE_H_
