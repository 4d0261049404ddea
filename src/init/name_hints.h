// The usual meaning of column names.
#ifndef MILLRACE_INIT_NAME_HINTS_H_
#define MILLRACE_INIT_NAME_HINTS_H_

#include <string>
#include <string_view>

namespace millrace {

enum class ColumnRole { kEventName, kTime, kDistinctId, kUserId, kDeviceId, kInsertId };

// How well `column` suits `role` by its name: 100 for "event_name" as the event name, 0 without any
// evidence. Case and punctuation do not count ("userId", "User ID", "user_id").
int NameScore(ColumnRole role, std::string_view column);

// True for names of columns whose numbers are labels, not quantities: ids, codes, versions
// ("ip_id", "zip_code", "FlightNum").
bool IsLabel(std::string_view column);

// `column` as words: "FlightDate" -> "flight_date", "$insert_id" -> "insert_id", "actor.ID" ->
// "actor.id".
std::string WordsOf(std::string_view column);

}  // namespace millrace

#endif  // MILLRACE_INIT_NAME_HINTS_H_
