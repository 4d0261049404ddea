#include "base/event_identity.h"

#include <nlohmann/json.hpp>

#include "base/json_writer.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr int64_t kMillisPerDay = 86'400'000;

}  // namespace

void EventIdentity::Set(std::string_view name, std::string_view distinct_id, int64_t millis,
                        std::string_view insert_id) {
  event = name;
  unix_millis = millis;
  key.clear();
  key += '[';
  AppendJsonString(key, event);
  key += ',';
  AppendJsonString(key, distinct_id);
  StrAppend(&key, ",", millis, ",");
  AppendJsonString(key, insert_id);
  key += ']';
}

absl::Status EventIdentity::SetFromKey(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array() || json.size() != 4 || !json[0].is_string() || !json[1].is_string() ||
      !json[2].is_number_integer() || !json[3].is_string()) {
    return absl::InvalidArgumentError(StrCat("this is no identity of an event: ", text));
  }
  Set(json[0].get_ref<const std::string&>(), json[1].get_ref<const std::string&>(), json[2],
      json[3].get_ref<const std::string&>());
  return absl::OkStatus();
}

int64_t EventIdentity::day() const {
  const int64_t day = unix_millis / kMillisPerDay;
  return unix_millis % kMillisPerDay < 0 ? day - 1 : day;
}

std::string ResolveDistinctId(std::string_view distinct_id, std::string_view user_id,
                              std::string_view device_id) {
  if (!distinct_id.empty()) return std::string(distinct_id);
  if (!user_id.empty()) return std::string(user_id);
  return device_id.empty() ? "" : StrCat("$device:", device_id);
}

}  // namespace millrace
