#include "records/standard_columns.h"

namespace millrace {
namespace {

using Source = ColumnSource;
using Type = ColumnType;

// The ids of an event are those that Mixpanel reads: a property user_id without '$' means nothing
// to it, and may be any other system's id.
constexpr StandardColumn kEvents[] = {
    {"event", Type::kText, Source::kMember, "event", "", true},
    {"event_time", Type::kTime, Source::kProperty, "time"},
    {"insert_time", Type::kTime, Source::kInsertTime},
    {"token", Type::kText, Source::kProperty, "token", "$token"},
    {"device_id", Type::kText, Source::kProperty, "$device_id"},
    {"insert_id", Type::kText, Source::kProperty, "$insert_id"},
    {"user_id", Type::kText, Source::kProperty, "$user_id"},
    {"distinct_id", Type::kText, Source::kProperty, "distinct_id", "$distinct_id"},
    {"properties", Type::kJson, Source::kProperties},
};

constexpr StandardColumn kUsers[] = {
    {"token", Type::kText, Source::kMember, "$token", "token"},
    {"distinct_id", Type::kText, Source::kMember, "$distinct_id", "distinct_id", true},
    {"ip", Type::kText, Source::kMember, "$ip", "ip"},
    {"insert_time", Type::kTime, Source::kInsertTime},
    {"operation", Type::kText, Source::kOperation},
    {"properties", Type::kJson, Source::kProperties},
};

constexpr StandardColumn kGroups[] = {
    {"token", Type::kText, Source::kMember, "$token", "token"},
    {"group_key", Type::kText, Source::kMember, "$group_key", "group_key", true},
    {"group_id", Type::kText, Source::kMember, "$group_id", "group_id", true},
    {"operation", Type::kText, Source::kOperation},
    {"insert_time", Type::kTime, Source::kInsertTime},
    {"properties", Type::kJson, Source::kProperties},
};

}  // namespace

absl::Span<const StandardColumn> StandardColumns(RecordType type) {
  switch (type) {
    case RecordType::kEvent:
      return kEvents;
    case RecordType::kUser:
      return kUsers;
    case RecordType::kGroup:
      return kGroups;
  }
  return kEvents;
}

}  // namespace millrace
