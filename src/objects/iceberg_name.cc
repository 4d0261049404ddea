#include "objects/iceberg_name.h"

#include "absl/time/time.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr std::string_view kScheme = "iceberg:";
constexpr std::string_view kMark = "/#";

std::string TimeText(int64_t micros) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", absl::FromUnixMicros(micros),
                          absl::UTCTimeZone());
}

}  // namespace

bool IsIcebergName(std::string_view uri) { return uri.starts_with(kScheme); }

absl::Status RefuseIcebergInputs(absl::Span<const std::string> inputs, std::string_view verb) {
  for (const std::string& input : inputs) {
    if (!IsIcebergName(input)) continue;
    return absl::InvalidArgumentError(
        StrCat(verb, " cannot follow the Iceberg table ", input, "; run millrace import ", input,
               " at intervals: each run sends the data files that are new"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> IcebergTableName(std::string_view folder) {
  if (folder.find(kMark) != std::string_view::npos) {
    return absl::InvalidArgumentError(
        StrCat("the path of the Iceberg table ", folder, " must not contain '", kMark, "'"));
  }
  return StrCat(kScheme, folder, "/");
}

std::string IcebergFileName(std::string_view folder, std::string_view file,
                            const TimeRange& range) {
  std::string name = StrCat(kScheme, folder, kMark);
  const bool is_below =
      file.size() > folder.size() && file.starts_with(folder) && file[folder.size()] == '/';
  StrAppend(&name, is_below ? file.substr(folder.size() + 1) : file);
  if (range.from) StrAppend(&name, "?since=", TimeText(*range.from));
  if (range.to) StrAppend(&name, range.from ? "&until=" : "?until=", TimeText(*range.to));
  return name;
}

absl::StatusOr<IcebergFileParts> ParseIcebergFileName(std::string_view name) {
  const size_t mark = name.find(kMark);
  if (!IsIcebergName(name) || mark == std::string_view::npos) {
    return absl::InvalidArgumentError(StrCat(name, " is not a data file of an Iceberg table"));
  }
  IcebergFileParts parts{.folder = std::string(name.substr(kScheme.size(), mark - kScheme.size())),
                         .file = std::string(name.substr(mark + kMark.size()))};
  const size_t range = parts.file.rfind('?');
  if (range != std::string::npos) {
    const std::string_view text = std::string_view(parts.file).substr(range + 1);
    if (text.starts_with("since=") || text.starts_with("until=")) parts.file.resize(range);
  }
  const bool is_absolute =
      parts.file.starts_with('/') || parts.file.find("://") != std::string::npos;
  if (!is_absolute) parts.file = StrCat(parts.folder, "/", parts.file);
  return parts;
}

}  // namespace millrace
