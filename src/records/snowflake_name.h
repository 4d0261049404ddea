// Names as Snowflake reads them.
#ifndef MILLRACE_RECORDS_SNOWFLAKE_NAME_H_
#define MILLRACE_RECORDS_SNOWFLAKE_NAME_H_

#include <string>
#include <string_view>

namespace millrace {

// What an identifier that is written without quotes means: a plain one, [A-Za-z_][A-Za-z0-9_$]*, is
// in upper case; any other one, and one in double quotes, is as it is.
std::string FoldSnowflakeName(std::string_view name);

}  // namespace millrace

#endif  // MILLRACE_RECORDS_SNOWFLAKE_NAME_H_
