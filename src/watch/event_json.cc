#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/json_parse.h"
#include "base/strings.h"
#include "watch/event_json_internal.h"

namespace millrace::watch {
namespace {

constexpr int kMaxDepth = 32;
constexpr size_t kMaxBucketBytes = 222;  // Google's longest, with dots
constexpr size_t kMaxNameBytes = 1024;   // of Google's and Amazon's objects; Azure's too

bool IsBucketName(const std::string& bucket) {
  return !bucket.empty() && bucket.size() <= kMaxBucketBytes &&
         std::all_of(bucket.begin(), bucket.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || c == '$';
         });
}

bool IsObjectName(const std::string& name) {
  return !name.empty() && name.size() <= kMaxNameBytes &&
         std::none_of(name.begin(), name.end(),
                      [](unsigned char c) { return absl::ascii_iscntrl(c); });
}

}  // namespace

absl::StatusOr<Json> ParseEventJson(std::string_view text) {
  std::optional<Json> json = ParseJson(text, kMaxDepth);
  if (!json) return absl::InvalidArgumentError("the body is not valid JSON");
  return *std::move(json);
}

const Json& Member(const Json& object, const char* key) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

std::string Text(const Json& object, const char* key) {
  const Json& value = Member(object, key);
  if (value.is_string()) return value.get<std::string>();
  return value.is_number_integer() ? value.dump() : "";
}

bool Has(const Json& object, const char* key) { return object.is_object() && object.contains(key); }

absl::Time EventTime(const std::string& rfc3339) {
  absl::Time time;
  return absl::ParseTime(absl::RFC3339_full, rfc3339, &time, nullptr) ? time : absl::InfinitePast();
}

absl::Status AddEvent(StorageEvent event, StorageEvents& events) {
  if (events.objects.size() >= kMaxEvents) {
    return absl::InvalidArgumentError(StrCat("more than ", kMaxEvents, " objects in one request"));
  }
  events.objects.push_back(std::move(event));
  return absl::OkStatus();
}

absl::Status AddObject(std::string_view scheme, const std::string& bucket, const std::string& name,
                       std::string version, absl::Time written, StorageEvents& events) {
  if (!IsBucketName(bucket) || !IsObjectName(name)) {
    return absl::InvalidArgumentError(
        "the event names no object: its bucket or name is missing or "
        "invalid");
  }
  return AddEvent({StrCat(scheme, "://", bucket, "/", name), std::move(version), written}, events);
}

}  // namespace millrace::watch
