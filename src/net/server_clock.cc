#include "net/server_clock.h"

#include <optional>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace millrace {
namespace {

// Google accepts tokens from a few minutes in the future; Amazon and Azure accept requests up to 15
// minutes old.
constexpr absl::Duration kMaxSkew = absl::Minutes(5);

std::string OffBy(absl::Duration skew) {
  const int64_t minutes =
      absl::ToInt64Minutes(absl::AbsDuration(skew) + absl::Seconds(30));  // the nearest
  return StrCat("this machine's clock is off by ", minutes, " minutes; correct it (e.g. with NTP)");
}

}  // namespace

std::string ClockHint(const HttpResponse& response, absl::Time now) {
  const std::optional<absl::Time> date = response.Date();
  if (!date.has_value() || absl::AbsDuration(*date - now) < kMaxSkew) return "";
  return OffBy(*date - now);
}

ServerClock::ServerClock(Clock& ours, std::string server)
    : ours_(ours), server_(std::move(server)) {}

absl::Time ServerClock::Now() const {
  absl::MutexLock lock(&mutex_);
  return ours_.Now() + offset_;
}

bool ServerClock::Learn(const HttpResponse& response) {
  const std::optional<absl::Time> date = response.Date();
  if (!date.has_value()) return false;
  const absl::Duration offset = *date - ours_.Now();
  {
    absl::MutexLock lock(&mutex_);
    if (absl::AbsDuration(offset - offset_) < kMaxSkew) return false;
    offset_ = offset;
  }
  if (absl::AbsDuration(offset) >= kMaxSkew) {
    Log(Severity::kWarning, StrCat(OffBy(offset), "; until then requests carry the server's time"),
        {{"server", server_}});
  }
  return true;
}

}  // namespace millrace
