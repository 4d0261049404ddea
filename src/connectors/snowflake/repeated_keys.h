#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_REPEATED_KEYS_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_REPEATED_KEYS_H_

#include <string>
#include <string_view>

namespace millrace::snowflake {

// The first key that an object inside of `json`, a JSON object whose own keys are distinct, has
// twice; "" if none has. Snowpipe Streaming does not store such a row.
std::string FindRepeatedKey(std::string_view json);

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_REPEATED_KEYS_H_
