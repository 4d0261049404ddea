#include "base/warnings.h"

#include <utility>

#include "base/log.h"
#include "base/pluralize.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr std::string_view kStrict = " (a warning, which --strict makes an error)";

}  // namespace

std::string StrictError(const Warning& warning) {
  return StrCat(warning.object, warning.object.empty() ? "" : ": ", warning.message, kStrict);
}

absl::Status Warnings::Add(Warning warning, uint64_t count) {
  const absl::Status result =
      are_errors_ ? absl::InvalidArgumentError(StrCat(warning.message, kStrict)) : absl::OkStatus();
  const std::string key = StrCat(warning.code, "\n", warning.config_id, "\n", warning.field);
  {
    absl::MutexLock lock(&mutex_);
    if (const auto known = by_key_.find(key); known != by_key_.end()) {
      kinds_[known->second].count += count;
      return result;
    }
    if (kinds_.size() >= kMaxKinds) {
      unkept_ += count;
      return result;
    }
    by_key_.emplace(key, kinds_.size());
    kinds_.push_back({warning, count});
  }
  Log(Severity::kWarning, warning.message, {{"code", warning.code}, {"object", warning.object}});
  return result;
}

std::vector<WarningCount> Warnings::all() const {
  absl::MutexLock lock(&mutex_);
  std::vector<WarningCount> all = kinds_;
  if (unkept_ > 0) {
    all.push_back({{.code = "more_warnings",
                    .message = StrCat(Pluralize(unkept_, "more warning"), " of other kinds")},
                   unkept_});
  }
  return all;
}

}  // namespace millrace
