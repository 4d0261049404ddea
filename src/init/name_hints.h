// What names of columns usually mean.
#ifndef MILLRACE_INIT_NAME_HINTS_H_
#define MILLRACE_INIT_NAME_HINTS_H_

#include <string>
#include <string_view>

namespace millrace {

enum class ColumnRole { kEventName, kTime, kDistinctId, kUserId, kDeviceId, kInsertId };

// How well `column` fits `role` by its name: 100 for "event_name" as the event name, 0 where
// nothing speaks for it. Case and punctuation do not count ("userId", "User ID", "user_id").
int NameScore(ColumnRole role, std::string_view column);

// True for names of columns whose numbers tell things apart and are not to be counted with: ids,
// codes, versions ("ip_id", "zip_code", "FlightNum").
bool IsLabel(std::string_view column);

// `column` as words: "FlightDate" -> "flight_date", "$insert_id" -> "insert_id", "actor.ID" ->
// "actor.id".
std::string WordsOf(std::string_view column);

}  // namespace millrace

#endif  // MILLRACE_INIT_NAME_HINTS_H_
