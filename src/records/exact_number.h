// Numbers that a double holds to the last digit.
#ifndef MILLRACE_RECORDS_EXACT_NUMBER_H_
#define MILLRACE_RECORDS_EXACT_NUMBER_H_

#include <string_view>

namespace millrace {

// Whether a double keeps the digits of `json`, a JSON number: the shortest digits that read back as
// the same double have the same value. True of 0.1 and 12.50; false of 9007199254740993,
// 0.12345678901234567890 and 1e400.
bool FitsDouble(std::string_view json);

}  // namespace millrace

#endif  // MILLRACE_RECORDS_EXACT_NUMBER_H_
