#include "records/ids.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr std::string_view kZeroUuid = "00000000-0000-0000-0000-000000000000";
constexpr std::string_view kBannedIds[] = {
    "anon",      "anonymous", "nil", "none", "null", "n/a",   "na", "<nil>",
    "undefined", "unknown",   "0",   "-1",   "true", "false", "[]", "{}"};
constexpr size_t kLongestBannedId = 9;  // except for kZeroUuid

}  // namespace

bool IsBannedId(std::string_view id) {
  if (id.size() > kLongestBannedId) return id == kZeroUuid;
  return std::any_of(std::begin(kBannedIds), std::end(kBannedIds), [&](std::string_view banned) {
    return absl::EqualsIgnoreCase(ToAbsl(id), ToAbsl(banned));
  });
}

bool IsValidInsertId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxInsertIdBytes &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-';
         });
}

}  // namespace millrace
