// Events that tell Mixpanel which ids belong to one user, instead of what a user did. They need no
// time, no distinct_id of their own and no $insert_id.
#ifndef MILLRACE_MAPPING_IDENTITY_EVENT_H_
#define MILLRACE_MAPPING_IDENTITY_EVENT_H_

#include <cstdint>
#include <string_view>

namespace millrace {

enum class IdentityEvent : uint8_t { kNone, kIdentify, kCreateAlias, kMerge };

IdentityEvent IdentityEventOf(std::string_view event_name);

// True for a line that a RowMapper wrote for an identity event.
bool IsIdentityRecord(std::string_view record);

// The property of $merge.
inline constexpr std::string_view kMergedIds = "$distinct_ids";

// True if `json` is a list of two non-empty strings.
bool IsPairOfIds(std::string_view json);

}  // namespace millrace

#endif  // MILLRACE_MAPPING_IDENTITY_EVENT_H_
