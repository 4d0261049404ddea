#include "mapping/identity_event.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace millrace {

IdentityEvent IdentityEventOf(std::string_view event_name) {
  if (!event_name.starts_with('$')) return IdentityEvent::kNone;
  if (event_name == "$identify") return IdentityEvent::kIdentify;
  if (event_name == "$create_alias") return IdentityEvent::kCreateAlias;
  if (event_name == "$merge") return IdentityEvent::kMerge;
  return IdentityEvent::kNone;
}

bool IsIdentityRecord(std::string_view record) {
  constexpr std::string_view kHead = "{\"event\":\"";
  if (!record.starts_with(kHead)) return false;
  record.remove_prefix(kHead.size());
  return IdentityEventOf(record.substr(0, record.find('"'))) != IdentityEvent::kNone;
}

bool IsPairOfIds(std::string_view json) {
  const auto list = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  return list.is_array() && list.size() == 2 &&
         std::all_of(list.begin(), list.end(), [](const nlohmann::json& id) {
           return id.is_string() && !id.get_ref<const std::string&>().empty();
         });
}

}  // namespace millrace
