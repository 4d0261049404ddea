#include "staypoints/output_marker.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace millrace {

std::optional<MarkerContent> ParseMarker(std::string_view json) {
  const auto marker = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!marker.is_object()) return std::nullopt;
  const auto made_by = marker.find("made_by");
  if (made_by == marker.end() || *made_by != kMadeBy) return std::nullopt;
  MarkerContent content;
  const auto staypoints = marker.find("staypoints");
  if (staypoints != marker.end() && staypoints->is_number_unsigned()) {
    content.staypoints = staypoints->get<uint64_t>();
  }
  return content;
}

bool IsOutputFile(std::string_view path) {
  if (path == kMarkerName || path == kUnfinishedName || path == "staypoints.json" ||
      path == "staypoints.csv") {
    return true;
  }
  constexpr std::string_view kHiveFile = "/data.parquet";
  if (!path.ends_with(kHiveFile)) return false;
  path.remove_suffix(kHiveFile.size());
  return path.find('/') != path.npos && IsOutputFolder(path);
}

bool IsOutputFolder(std::string_view path) {
  const size_t slash = path.find('/');
  if (!path.starts_with("p1=")) return false;
  if (slash == path.npos) return true;
  const std::string_view rest = path.substr(slash + 1);
  return rest.starts_with("p2=") && rest.find('/') == rest.npos;
}

absl::Status NoMarkerError(std::string_view output) {
  return absl::FailedPreconditionError(
      StrCat(output, " is not empty and is not an output of this command (it has no ", kMarkerName,
             " made by ", kMadeBy, "); choose another --output, or empty it"));
}

absl::Status ForeignFileError(std::string_view output, std::string_view path) {
  return absl::FailedPreconditionError(
      StrCat(output, " also holds ", path,
             ", which this command did not write; move it, or choose another --output"));
}

}  // namespace millrace
