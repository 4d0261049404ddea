// The kinds of records.
#ifndef MILLRACE_BASE_RECORD_TYPE_H_
#define MILLRACE_BASE_RECORD_TYPE_H_

#include <string_view>

namespace millrace {

// An event {"event":..,"properties":{..}}, or an update of a user's or group's profile
// {"$distinct_id":..,"$set":{..}}, {"$group_key":..,"$group_id":..,"$set":{..}}.
enum class RecordType { kEvent, kUser, kGroup };

inline constexpr RecordType kAllRecordTypes[] = {RecordType::kEvent, RecordType::kUser,
                                                 RecordType::kGroup};

// "event", "user", "group": in sources.json, reports and messages.
constexpr std::string_view NameOf(RecordType type) {
  switch (type) {
    case RecordType::kEvent:
      return "event";
    case RecordType::kUser:
      return "user";
    case RecordType::kGroup:
      return "group";
  }
  return "event";
}

// "events", "users", "groups": in ledger keys, table names and reports.
constexpr std::string_view PluralOf(RecordType type) {
  switch (type) {
    case RecordType::kEvent:
      return "events";
    case RecordType::kUser:
      return "users";
    case RecordType::kGroup:
      return "groups";
  }
  return "events";
}

}  // namespace millrace

#endif  // MILLRACE_BASE_RECORD_TYPE_H_
