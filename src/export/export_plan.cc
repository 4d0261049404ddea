#include "export/export_plan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "export/window_claims.h"
#include "export/window_queries.h"

namespace millrace {
namespace {

// What the ledger says of a window.
struct Known {
  size_t closed_at = 0;  // destinations
  uint64_t rows = 0;
};

uint64_t CountQueries(WindowQueries queries) {
  uint64_t count = 0;
  while (const auto query = queries.Take()) count += static_cast<uint64_t>(query->pieces);
  return count;
}

}  // namespace

absl::Duration ExportPlan::WaitOf(uint64_t queries, size_t per_hour) {
  if (per_hour == 0 || queries == 0) return absl::ZeroDuration();
  return absl::Hours(static_cast<int64_t>((queries - 1) / per_hour));
}

absl::StatusOr<ExportPlan> PlanExport(const ExportRequest& request,
                                      const absl::flat_hash_set<std::string>& destinations,
                                      LedgerReader& ledger, absl::Time now, std::stop_token stop) {
  const EventWindows windows(request.windows);
  const std::string stream = StrCat("mixpanel:", request.project_id, "/", request.stream, "/");
  std::map<std::string, Known, std::less<>> known;  // by name
  RETURN_IF_ERROR(ledger.ForEach(
      [&](const LedgerEntry& entry) {
        const std::string_view object = entry.key.object;
        if (entry.key.version == WindowClaims::kVersion && object.starts_with(stream) &&
            destinations.contains(entry.key.destination)) {
          Known& window = known[std::string(object.substr(stream.size()))];
          window.closed_at += entry.state == LedgerState::kDone;
          window.rows = std::max(window.rows, entry.position.row);
        }
        return absl::OkStatus();
      },
      std::move(stop)));

  ExportPlan plan;
  WindowQueries fewest(request.rows_per_query, windows.max_windows());
  WindowQueries most(request.rows_per_query, windows.max_windows());
  const std::optional<WindowRange> range = windows.Readable(now);
  for (int64_t window = range ? range->first : 0; range && window <= range->last; ++window) {
    const auto found = known.find(windows.NameOf(window));
    const bool is_known = found != known.end() && found->second.rows > 0;
    if (found != known.end() && found->second.closed_at == destinations.size()) {
      ++plan.windows_skipped;
      continue;
    }
    ++plan.windows;
    plan.windows_known += is_known;
    plan.rows_known += is_known ? found->second.rows : 0;
    fewest.Add(window, is_known ? found->second.rows : 0);
    most.Add(window, is_known ? found->second.rows : request.rows_per_query);
  }
  plan.queries_min = CountQueries(std::move(fewest));
  plan.queries_max = CountQueries(std::move(most));
  return plan;
}

}  // namespace millrace
