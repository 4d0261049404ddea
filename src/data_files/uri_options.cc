#include "data_files/uri_options.h"

#include <cstdint>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::data_files {
namespace {

constexpr uint64_t kMinFileMegabytes = 1, kMaxFileMegabytes = 4096;
constexpr absl::Duration kAge = absl::Minutes(10);

absl::Status CheckFolder(std::string_view name, std::string_view text) {
  for (const absl::string_view part : absl::StrSplit(ToAbsl(text), '/')) {
    if (part.empty() || part.front() == '.' || part.front() == '_') {
      return absl::InvalidArgumentError(
          StrCat(name, "=", text, ": a folder is empty, or begins with '.' or '_', which readers ",
                 "skip"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> RootOf(std::string_view folder) {
  if (folder.empty()) return absl::InvalidArgumentError("name a folder");
  if (folder.starts_with("file://")) folder.remove_prefix(7);
  std::string root(folder);
  if (folder.find("://") == std::string_view::npos) {
    std::error_code error;
    const std::filesystem::path absolute = std::filesystem::absolute(root, error);
    if (!error) root = std::filesystem::weakly_canonical(absolute, error).string();
    if (error) return absl::InvalidArgumentError(StrCat(folder, ": ", error.message()));
  }
  while (root.ends_with("//")) root.pop_back();
  if (!root.ends_with('/')) root += '/';
  return root;
}

absl::StatusOr<Names> TakeNames(UriQuery& query) {
  Names given;
  for (const RecordType type : kAllRecordTypes) {
    if (auto name = query.Take(PluralOf(type))) given[type] = *std::move(name);
  }
  if (auto table = query.Take("table")) {
    if (!given.emplace(RecordType::kEvent, *std::move(table)).second) {
      return absl::InvalidArgumentError("table= and events= name the same: give one of them");
    }
  }
  if (given.empty()) {
    for (const RecordType type : kAllRecordTypes) given[type] = PluralOf(type);
  }
  std::set<std::string> names;
  for (const auto& [type, name] : given) {
    if (names.insert(name).second) continue;
    return absl::InvalidArgumentError(StrCat(name, " is the name of two types of record"));
  }
  return given;
}

absl::StatusOr<Names> TakeFolders(UriQuery& query) {
  ASSIGN_OR_RETURN(Names given, TakeNames(query));
  std::set<std::string> names;
  for (const auto& [type, name] : given) {
    RETURN_IF_ERROR(CheckFolder(PluralOf(type), name));
    for (const std::string& other : names) {
      if (!(name + "/").starts_with(other + "/") && !(other + "/").starts_with(name + "/"))
        continue;
      return absl::InvalidArgumentError(
          StrCat("the folders ", other, " and ", name, " of two types of record overlap"));
    }
    names.insert(name);
  }
  return given;
}

absl::StatusOr<bool> TakeByArrival(UriQuery& query) {
  const std::string time = query.Take("time").value_or("event");
  if (time != "event" && time != "arrival") {
    return absl::InvalidArgumentError("time is event or arrival");
  }
  return time == "arrival";
}

absl::StatusOr<size_t> TakeFileBytes(UriQuery& query, size_t by_default) {
  uint64_t megabytes = by_default >> 20;
  if (const auto size = query.Take("file_size")) {
    if (!absl::SimpleAtoi(*size, &megabytes) || megabytes < kMinFileMegabytes ||
        megabytes > kMaxFileMegabytes) {
      return absl::InvalidArgumentError(StrCat("file_size is a number of megabytes from ",
                                               kMinFileMegabytes, " to ", kMaxFileMegabytes));
    }
  }
  return megabytes << 20;
}

absl::StatusOr<absl::Duration> TakeAge(UriQuery& query) {
  absl::Duration age = kAge;
  if (const auto text = query.Take("age")) {
    if (!absl::ParseDuration(*text, &age) || age <= absl::ZeroDuration()) {
      return absl::InvalidArgumentError("age is a time such as 30s or 10m");
    }
  }
  return age;
}

}  // namespace millrace::data_files
