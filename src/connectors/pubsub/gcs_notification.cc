#include "connectors/pubsub/gcs_notification.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "base/strings.h"
#include "base/utf8.h"

namespace millrace::pubsub {
namespace {

// The limit of the object's metadata, which is a few KB even with the maximum of custom metadata in
// GCS.
constexpr size_t kMaxPayloadBytes = 256 << 10;

std::string_view Value(const Attributes& attributes, std::string_view name) {
  const auto found = attributes.find(name);
  return found == attributes.end() ? std::string_view() : std::string_view(found->second);
}

bool IsBucket(std::string_view name) {
  return name.size() >= 3 && name.size() <= 222 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '_' ||
                  c == '.';
         });
}

bool IsObject(std::string_view name) {
  return !name.empty() && name.size() <= 1024 && IsWellFormedUtf8(name) &&
         name.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

bool IsGeneration(std::string_view text) {
  int64_t number = 0;
  return text.size() <= 19 && std::all_of(text.begin(), text.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(ToAbsl(text), &number) && number > 0;
}

absl::Status Wrong(std::string_view name, std::string_view value) {
  return absl::InvalidArgumentError(StrCat(
      "not a notification of Cloud Storage: ", name,
      value.empty() ? std::string(" is missing") : StrCat(" is '", CutUtf8(value, 100), "'")));
}

// Only a hint: an invalid one is ignored.
std::optional<uint64_t> SizeIn(std::string_view data) {
  if (data.empty() || data.size() > kMaxPayloadBytes) return std::nullopt;
  const auto json = nlohmann::json::parse(data, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  const auto size = json.find("size");
  uint64_t number = 0;
  if (size == json.end()) return std::nullopt;
  if (size->is_number_unsigned()) return size->get<uint64_t>();
  if (size->is_string() && absl::SimpleAtoi(size->get_ref<const std::string&>(), &number)) {
    return number;
  }
  return std::nullopt;
}

}  // namespace

bool IsGcsNotification(const Attributes& attributes) {
  return Value(attributes, "eventType").starts_with("OBJECT_");
}

absl::StatusOr<std::optional<GcsObjectNotification>> ParseGcsNotification(
    const Attributes& attributes, std::string_view data) {
  const std::string_view type = Value(attributes, "eventType");
  if (!IsGcsNotification(attributes)) return Wrong("eventType", type);
  if (type != "OBJECT_FINALIZE") return std::nullopt;
  const std::string_view bucket = Value(attributes, "bucketId");
  const std::string_view object = Value(attributes, "objectId");
  const std::string_view generation = Value(attributes, "objectGeneration");
  const std::string_view overwrote = Value(attributes, "overwroteGeneration");
  if (!IsBucket(bucket)) return Wrong("bucketId", bucket);
  if (!IsObject(object)) return Wrong("objectId", object);
  if (!IsGeneration(generation)) return Wrong("objectGeneration", generation);
  if (!overwrote.empty() && !IsGeneration(overwrote))
    return Wrong("overwroteGeneration", overwrote);
  GcsObjectNotification notification{.uri = StrCat("gs://", bucket, "/", object),
                                     .generation = std::string(generation),
                                     .size = std::nullopt,
                                     .overwrote_generation = std::string(overwrote)};
  absl::Time written;
  if (absl::ParseTime(absl::RFC3339_full, ToAbsl(Value(attributes, "eventTime")), &written,
                      nullptr)) {
    notification.written = written;
  }
  if (Value(attributes, "payloadFormat") == "JSON_API_V1") notification.size = SizeIn(data);
  return notification;
}

}  // namespace millrace::pubsub
