#include "reconcile/repair_staging.h"

#include <vector>

#include "base/status.h"
#include "pipeline/intents.h"

namespace millrace {

absl::Status RepairStaging::RemoveOrphans(absl::Span<const Intent> open, std::stop_token stop) {
  ASSIGN_OR_RETURN(std::vector<Intent> all, imports_.intents().List(destination_, stop));
  all.insert(all.end(), open.begin(), open.end());
  return staging_.RemoveOrphans(all, std::move(stop));
}

}  // namespace millrace
