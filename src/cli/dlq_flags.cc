#include "cli/dlq_flags.h"

#include <filesystem>
#include <ostream>

#include "base/strings.h"
#include "cli/text.h"

namespace millrace::cli {

void DlqFlags::AddTo(std::vector<Flag>& flags) {
  flags.push_back({"--code", &code, "CODE", "only records with this code, as `dlq list` shows it"});
  flags.push_back(
      {"--object", &object, "PREFIX", "only records of objects whose URI starts with PREFIX"});
  flags.push_back(
      {"--since", &since, "TIME",
       "only records stored since TIME: 2024-05-01, 2024-05-01T12:00:00Z, or 24h for the last "
       "24 hours"});
}

absl::StatusOr<DeadLetterFilter> DlqFlags::Filter(absl::Time now) const {
  DeadLetterFilter filter{.code = code, .object = object};
  // Local objects are kept under their absolute path.
  if (!object.empty() && object.find("://") == std::string::npos) {
    std::error_code error;
    const std::string path = std::filesystem::weakly_canonical(object, error).string();
    if (!error && std::filesystem::path(object).is_relative()) filter.object = path;
  }
  absl::Duration ago;
  if (since.empty()) return filter;
  if (absl::ParseDuration(since, &ago) && ago >= absl::ZeroDuration()) {
    filter.since = now - ago;
  } else if (!absl::ParseTime(absl::RFC3339_full, since, &filter.since, nullptr) &&
             !absl::ParseTime("%Y-%m-%d", since, &filter.since, nullptr)) {
    return absl::InvalidArgumentError(
        StrCat("--since ", since, ": write 2024-05-01, 2024-05-01T12:00:00Z or 24h"));
  }
  return filter;
}

absl::Status NoRecordHasId(std::string_view id) {
  return absl::NotFoundError(StrCat("no rejected record has the ID ", id,
                                    "; `millrace dlq show` prints the ID of each record"));
}

void WarnOfDamage(const DeadLetterScan& scan, Context& context) {
  if (scan.damaged == 0) return;
  context.err << "millrace dlq: " << scan.damaged
              << " lines are not dead letters and were skipped; the first: "
              << Printable(scan.first_damaged) << "\n";
}

}  // namespace millrace::cli
