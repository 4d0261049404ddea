#include "net/response_counts.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "base/log.h"
#include "base/strings.h"

namespace millrace {
namespace {

// Shown from the first request to a host on, so that rates see their first increase.
constexpr int kShownStatuses[] = {200, 429, 500, 502, 503, 504};
constexpr absl::Duration kBetweenLines = absl::Seconds(1);
constexpr int kLinesAtOnce = 5;  // more than an alert needs, whose responses may come together

ResponseCounts& OfProcess() {
  static auto* const counts = new ResponseCounts;  // used until the last thread has ended
  return *counts;
}

}  // namespace

uint64_t ResponseCounts::Add(std::string_view host, int status, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  auto found = hosts_.find(host);
  if (found == hosts_.end()) {
    found = hosts_.try_emplace(hosts_.size() < kMaxHosts ? std::string(host) : "other").first;
    for (const int shown : kShownStatuses) found->second.try_emplace(shown);
  }
  Count& count = found->second[status];
  ++count.all;
  if (status < 500) return 0;
  ++count.not_logged;
  const absl::Time until = std::max(count.lines_until, now) + kBetweenLines;
  if (until - now > kLinesAtOnce * kBetweenLines) return 0;
  count.lines_until = until;
  return std::exchange(count.not_logged, 0);
}

void ResponseCounts::AddTo(MetricsText& page) const {
  absl::MutexLock lock(&mutex_);
  for (const auto& [host, statuses] : hosts_) {
    for (const auto& [status, count] : statuses) {
      page.Add(metrics::kHttpResponses, static_cast<double>(count.all),
               {{"host", host}, {"status", StrCat(status)}});
    }
  }
}

void CountResponse(std::string_view host, int status) {
  const uint64_t responses = OfProcess().Add(host, status, absl::Now());
  if (responses == 0) return;
  Log(Severity::kWarning, "a server answered with an error",
      {{"host", host}, {"status", status}, {"responses", responses}});
}

void AddResponseMetrics(MetricsText& page) { OfProcess().AddTo(page); }

}  // namespace millrace
