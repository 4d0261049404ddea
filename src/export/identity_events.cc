#include "export/identity_events.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "base/json_parse.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kDevice = "$device:";

// The first of `names` that is a text or a whole number, as text; else "".
std::string IdOf(const Json& properties, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto found = properties.find(name);
    if (found == properties.end()) continue;
    if (found->is_string() && !found->get_ref<const std::string&>().empty()) {
      return found->get<std::string>();
    }
    if (found->is_number_integer()) return found->dump();
  }
  return "";
}

int64_t MillisOf(const Json& properties) {
  for (const char* name : {"mp_processing_time_ms", "time"}) {
    const auto found = properties.find(name);
    if (found != properties.end() && found->is_number_integer()) return found->get<int64_t>();
  }
  return 0;
}

bool IsRefused(const Json& properties) {
  return !IdOf(properties, {"$identity_failure_reason", "$failure_reason"}).empty();
}

absl::Status AddPair(const std::string& user, IdentityClaim claim, const std::string& other,
                     int64_t millis, IdentityGraph& graph) {
  if (user.empty() || other.empty()) return absl::OkStatus();
  return graph.Link({user, claim}, {other}, millis);
}

absl::Status AddOriginal(const std::string& event, const Json& properties, IdentityGraph& graph) {
  const int64_t millis = MillisOf(properties);
  // The id that the event was sent with, if Mixpanel has replaced it.
  const std::string before = IdOf(properties, {"$distinct_id_before_identity"});
  const std::string now = IdOf(properties, {"distinct_id"});
  const std::string& sent = before.empty() ? now : before;
  if (!before.empty()) {
    RETURN_IF_ERROR(AddPair(now, IdentityClaim::kChosen, before, millis, graph));
  }
  if (event == "$identify") {
    std::string user = IdOf(properties, {"$identified_id"});
    if (user.empty()) user = sent;
    return AddPair(user, IdentityClaim::kIdentified,
                   IdOf(properties, {"$anon_id", "$anon_distinct_id"}), millis, graph);
  }
  if (event == "$create_alias") {
    return AddPair(sent, IdentityClaim::kIdentified, IdOf(properties, {"alias"}), millis, graph);
  }
  const auto ids = properties.find("$distinct_ids");
  if (event != "$merge" || ids == properties.end() || !ids->is_array() || ids->size() != 2 ||
      !(*ids)[0].is_string() || !(*ids)[1].is_string()) {
    return absl::OkStatus();
  }
  return AddPair((*ids)[0], IdentityClaim::kNone, (*ids)[1], millis, graph);
}

absl::Status AddSimplified(const Json& properties, IdentityGraph& graph) {
  std::string device = IdOf(properties, {"$device_id"});
  const std::string user = IdOf(properties, {"$user_id"});
  if (device.empty() || user.empty() || user.starts_with(kDevice)) return absl::OkStatus();
  if (!device.starts_with(kDevice)) device.insert(0, kDevice);
  return graph.Claim(device, user, MillisOf(properties));
}

}  // namespace

std::vector<std::string> IdentityEventNames(IdMerge merge) {
  if (merge == IdMerge::kSimplified) return {};
  return {"$identify", "$create_alias", "$merge"};
}

std::string IdentityEventsWhere(IdMerge merge) {
  if (merge == IdMerge::kOriginal) return "";
  return "defined(properties[\"$device_id\"]) and defined(properties[\"$user_id\"])";
}

absl::Status AddIdentityEvent(std::string_view line, IdMerge merge, IdentityGraph& graph) {
  const std::optional<Json> event = ParseJson(line);
  if (!event || !event->is_object() || !event->contains("event") ||
      !event->at("event").is_string() || !event->contains("properties") ||
      !event->at("properties").is_object()) {
    return absl::OkStatus();
  }
  const Json& properties = event->at("properties");
  if (IsRefused(properties)) return absl::OkStatus();
  if (merge == IdMerge::kSimplified) return AddSimplified(properties, graph);
  return AddOriginal(event->at("event"), properties, graph);
}

}  // namespace millrace
