// Snowflake as a destination: tables of events, users and groups (docs/connectors/snowflake.md).
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_SNOWFLAKE_DESTINATION_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_SNOWFLAKE_DESTINATION_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "pipeline/destination.h"

namespace millrace {

// `uri` is "snowflake://ACCOUNT/DATABASE/SCHEMA?..." (SnowflakeSpec::Parse); credentials come from
// `environment` (NewSignIn), and CheckConfig() says what is wrong with them. Connects to nothing.
// Missing tables are made when they are first needed, if the role may. InvalidArgument: the URI
// cannot be used.
absl::StatusOr<std::unique_ptr<Destination>> OpenSnowflakeDestination(
    std::string_view uri, const Environment& environment, Clock& clock);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_SNOWFLAKE_DESTINATION_H_
