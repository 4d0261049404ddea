#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_REQUEST_ID_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_REQUEST_ID_H_

#include <string>

namespace millrace::snowflake {

// A random UUID (RFC 9562, version 4).
std::string NewRequestId();

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_REQUEST_ID_H_
