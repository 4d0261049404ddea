#include "cli/staging_flag.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "cli/size_text.h"

namespace millrace::cli {
namespace {

constexpr double kMin = 1e6;
constexpr double kMax = 1e18;

}  // namespace

void StagingFlag::AddTo(std::vector<Flag>& flags) {
  flags.push_back({.name = "--staging-max",
                   .target = &max,
                   .value = "SIZE",
                   .doc = "maximum amount of JSON, before compression, that a lake or another "
                          "staged destination collects before it commits, at least 1MB, e.g. "
                          "500MB (default and upper limit: that of the destination, 4GB for "
                          "lakes)"});
}

absl::Status StagingFlag::ApplyTo(RunOptions& options) const {
  if (max.empty()) return absl::OkStatus();
  const std::optional<double> bytes = ParseSize(max);
  if (!bytes) {
    return absl::InvalidArgumentError(
        StrCat("--staging-max must be a size such as 500MB or 2GB, not '", max, "'"));
  }
  if (!(*bytes >= kMin && *bytes <= kMax)) {
    return absl::InvalidArgumentError(
        StrCat("--staging-max ", max, " is out of range: give at least 1MB"));
  }
  options.max_staging_bytes = static_cast<size_t>(*bytes);
  return absl::OkStatus();
}

}  // namespace millrace::cli
