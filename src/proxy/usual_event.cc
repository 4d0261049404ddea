#include "proxy/usual_event.h"

#include <optional>
#include <string_view>

#include "base/record_rules.h"
#include "records/ids.h"

namespace millrace::proxy {
namespace {

constexpr RecordRules kRules = RecordRules::Mixpanel();
constexpr size_t kAddedProperties = 4;                // time, ip, token, $insert_id
constexpr int64_t kMinMillis = 100'000'000'000;       // earlier times are sent in seconds
constexpr int64_t kMaxAheadMillis = 60 * 60 * 1000L;  // of Mixpanel's range

// Text that mapping copies, as a name or an id.
bool IsUsualText(const Value& value) {
  return value.kind == Value::Kind::kJsonText && !value.text.empty() &&
         static_cast<unsigned char>(value.text.front()) > ' ' &&
         value.text.find('\\') == std::string_view::npos;
}

// Other events may join identities.
bool HasUsualName(const RecordScan& event) {
  const Value& name = event.top().members()[*event.roles().event].value;
  if (!IsUsualText(name)) return false;
  return name.text != "$identify" && name.text != "$create_alias" && name.text != "$merge";
}

bool HasUsualTime(const RecordScan& event, int64_t unix_micros, int64_t now_millis) {
  if (event.roles().time) {
    const Value& time = event.properties().members()[*event.roles().time].value;
    if (time.kind != Value::Kind::kInt && time.kind != Value::Kind::kNumber) return false;
  }
  const int64_t millis = unix_micros / 1000;
  return unix_micros % 1000 == 0 && millis >= kMinMillis && millis <= now_millis + kMaxAheadMillis;
}

// One or more ids of users, all of them usual.
bool HasUsualUser(const RecordScan& event) {
  bool has_user = false;
  const RecordRoles& roles = event.roles();
  for (const RecordRoles::Index role : {roles.distinct_id, roles.user_id, roles.device_id}) {
    if (!role) continue;
    const Value& id = event.properties().members()[*role].value;
    if (id.is_null()) continue;
    if (!IsUsualText(id) || IsBannedId(id.text)) return false;
    has_user = true;
  }
  return has_user;
}

}  // namespace

bool IsUsualEvent(const RecordScan& event, int64_t unix_micros, int64_t now_millis) {
  return event.properties().members().size() + kAddedProperties <= kRules.max_properties &&
         HasUsualName(event) && HasUsualTime(event, unix_micros, now_millis) && HasUsualUser(event);
}

}  // namespace millrace::proxy
