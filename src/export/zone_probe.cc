#include "export/zone_probe.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "base/retrier.h"
#include "base/status.h"
#include "base/strings.h"
#include "export/query_budget.h"
#include "pipeline/retry_unavailable.h"

namespace millrace {
namespace {

// How long after an event, by its clock, it usually arrives.
constexpr int64_t kMinLagMillis = -300'000, kMaxLagMillis = 600'000;
constexpr uint64_t kMinVotes = 20;
constexpr uint64_t kSample = 10'000;  // events

bool IsUsual(int64_t lag) { return lag >= kMinLagMillis && lag <= kMaxLagMillis; }

}  // namespace

void ZoneVotes::Add(const mixpanel::ExportTimes::Times& event) {
  if (event.is_imported || !event.processed_millis) return;
  const int64_t processed = *event.processed_millis;
  const bool is_utc = IsUsual(processed - event.unix_millis);
  const bool is_local =
      IsUsual(processed - mixpanel::UtcMillis(event.unix_millis, zone_, processed));
  utc_ += is_utc && !is_local;
  local_ += is_local && !is_utc;
}

std::optional<absl::TimeZone> ZoneVotes::Decide() const {
  const uint64_t votes = utc_ + local_;
  if (votes < kMinVotes) return std::nullopt;
  if (utc_ * 10 >= votes * 9) return absl::UTCTimeZone();
  if (local_ * 10 >= votes * 9) return zone_;
  return std::nullopt;
}

absl::StatusOr<std::optional<absl::TimeZone>> ProbeZone(const mixpanel::RawExport& raw_export,
                                                        absl::TimeZone zone, absl::CivilDay first,
                                                        absl::CivilDay last, std::stop_token stop) {
  ZoneVotes votes(zone);
  mixpanel::ExportTimes times;
  const mixpanel::RawExportRequest request = {
      .from = first, .to = last, .limit = kSample, .time_in_ms = true};
  const absl::Status status = raw_export(
      request,
      [&](std::string_view line) {
        if (const auto event = times.Read(line); event.ok()) votes.Add(*event);
        return absl::OkStatus();
      },
      std::move(stop));
  if (!status.ok()) return status;
  return votes.Decide();
}

absl::StatusOr<std::optional<absl::TimeZone>> ProbeProjectZone(const ZoneProbe& probe,
                                                               std::stop_token stop) {
  Retrier retrier(probe.request.delivery.run.retry, probe.clock);
  ASSIGN_OR_RETURN(const std::string name,
                   RetryUnavailable(retrier, stop, [&] { return probe.read_zone_name(stop); }));
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(name, &zone)) {
    return absl::InvalidArgumentError(StrCat("the project's time zone ", name, " is not known"));
  }
  const bool is_utc = name == "UTC" || name == "Etc/UTC" || name == "GMT" || name == "Etc/GMT";
  if (is_utc) return std::optional(absl::UTCTimeZone());

  // The present day of the project may not have begun in UTC, nor the other way round.
  const absl::CivilDay yesterday = absl::ToCivilDay(probe.clock.Now(), absl::UTCTimeZone()) - 1;
  const EventWindowOptions& windows = probe.request.windows;
  const absl::CivilDay last = std::min(windows.until - 1, yesterday);
  const absl::CivilDay first = std::min(windows.since, last);
  QueryBudget budget(probe.ledger, probe.request.project_id, probe.request.queries_per_hour,
                     probe.request.delivery.run.retry, probe.clock);
  std::optional<absl::TimeZone> found;
  for (const absl::CivilDay from : {std::max(first, last - 1), first}) {
    RETURN_IF_ERROR(budget.Take(stop));
    ASSIGN_OR_RETURN(found, RetryUnavailable(retrier, stop, [&] {
                       return ProbeZone(probe.raw_export, zone, from, last, stop);
                     }));
    if (found) break;
  }
  Log(Severity::kInfo, "probed how the project exports times",
      {{"zone", name},
       {"exports", !found           ? "unknown"
                   : *found == zone ? "local time"
                                    : "UTC"}});
  return found;
}

}  // namespace millrace
