// Rules for Mixpanel's ids.
#ifndef MILLRACE_RECORDS_IDS_H_
#define MILLRACE_RECORDS_IDS_H_

#include <string_view>

namespace millrace {

inline constexpr size_t kMaxInsertIdBytes = 36;

// Values that Mixpanel does not accept as user ids because they mean "none" somewhere ("null",
// "undefined", "0", ...); in any case.
bool IsBannedId(std::string_view id);

// 1 to 36 of [A-Za-z0-9-].
bool IsValidInsertId(std::string_view id);

}  // namespace millrace

#endif  // MILLRACE_RECORDS_IDS_H_
