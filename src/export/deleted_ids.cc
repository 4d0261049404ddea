#include "export/deleted_ids.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/numbers.h"
#include "base/json_parse.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"

namespace millrace {
namespace {

constexpr size_t kMaxFileBytes = 256 << 20;
constexpr size_t kMaxIdBytes = 1024;  // Mixpanel truncates ids at 255
constexpr size_t kHexDigits = 32;

absl::Status Wrong(const std::string& path, std::string_view why) {
  return absl::InvalidArgumentError(StrCat("the list of deletions ", path, ": ", why));
}

absl::StatusOr<std::vector<std::string>> IdsOfJson(const std::string& path, std::string_view text) {
  const std::optional<nlohmann::json> json = ParseJson(text);
  if (!json || !json->is_object() || !json->contains("distinct_ids") ||
      !json->at("distinct_ids").is_array()) {
    return Wrong(path, "it begins as JSON, and is no object with a list distinct_ids");
  }
  std::vector<std::string> ids;
  for (const nlohmann::json& id : json->at("distinct_ids")) {
    if (!id.is_string()) return Wrong(path, "an entry of distinct_ids is no text");
    ids.push_back(id);
  }
  return ids;
}

std::vector<std::string> IdsOfLines(std::string_view text) {
  std::vector<std::string> ids;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = TrimBlanks(text.substr(0, end));
    ids.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return ids;
}

std::optional<uint64_t> ParseHex(std::string_view text) {
  uint64_t number = 0;
  if (!absl::SimpleHexAtoi(ToAbsl(text), &number)) return std::nullopt;
  return number;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ReadDeletionList(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kMaxFileBytes));
  const std::string_view trimmed = TrimBlanks(text);
  std::vector<std::string> ids;
  if (trimmed.starts_with('{')) {
    ASSIGN_OR_RETURN(ids, IdsOfJson(path, trimmed));
  } else {
    ids = IdsOfLines(text);
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i].find('\0') != std::string::npos) {
      return Wrong(path, StrCat("entry ", i + 1, " has a zero byte in it"));
    }
    if (ids[i].size() > kMaxIdBytes) {
      return Wrong(path, StrCat("entry ", i + 1, " is longer than ", kMaxIdBytes,
                                " bytes: write one distinct_id a line"));
    }
  }
  std::erase(ids, "");
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  if (ids.empty()) return Wrong(path, "it has no distinct_id");
  return ids;
}

absl::StatusOr<DeletedIds> DeletedIds::Open(std::string path) {
  DeletedIds deleted;
  deleted.path_ = std::move(path);
  absl::StatusOr<std::string> text = ReadWholeFile(deleted.path_, kMaxFileBytes);
  if (absl::IsNotFound(text.status())) return deleted;
  RETURN_IF_ERROR(text.status());
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto high = ParseHex(rest.substr(0, 16));
    const auto low = ParseHex(rest.substr(std::min<size_t>(16, rest.size()), 16));
    if (rest.size() <= kHexDigits || rest[kHexDigits] != '\n' || !high || !low) {
      return absl::DataLossError(StrCat(deleted.path_, " is damaged: remove it, and give ",
                                        "--deletions again with all ids that were deleted"));
    }
    deleted.hashes_.insert({*high, *low});
    rest.remove_prefix(kHexDigits + 1);
  }
  return deleted;
}

absl::Status DeletedIds::Add(const std::vector<std::string>& ids) {
  for (const std::string& id : ids) hashes_.insert(HashBytes(id));
  std::vector<Hash128> sorted(hashes_.begin(), hashes_.end());
  std::sort(sorted.begin(), sorted.end());
  std::string text;
  for (const Hash128& hash : sorted) StrAppend(&text, ToHex(hash), "\n");
  return ReplaceFile(path_, text);
}

}  // namespace millrace
