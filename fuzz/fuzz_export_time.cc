// Lines of a raw export: a time is found where it stands or the line is refused, and making it UTC
// changes nothing else.
#include <cstdint>
#include <string>
#include <string_view>

#include "connectors/mixpanel/export_time.h"
#include "require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;            // NOLINT(build/namespaces)
  using namespace millrace::mixpanel;  // NOLINT(build/namespaces)
  static ExportTimes times;
  static const absl::TimeZone zone = [] {
    absl::TimeZone new_york = absl::UTCTimeZone();
    Require(absl::LoadTimeZone("America/New_York", &new_york));
    return new_york;
  }();
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto before = times.Read(line);
  const auto utc = times.ToUtc(line, zone);
  Require(before.ok() == utc.ok());
  if (!before.ok()) return 0;
  Require(before->begin < before->end && before->end <= line.size());
  const std::string changed(*utc);
  Require(changed.starts_with(line.substr(0, before->begin)));
  Require(changed.ends_with(line.substr(before->end)));
  const auto after = times.Read(changed);
  Require(after.ok() && after->begin == before->begin);
  Require(after->unix_millis == UtcMillis(before->unix_millis, zone, before->processed_millis));
  return 0;
}
