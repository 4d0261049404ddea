// Keeps the calls of the Redshift Data API below its quotas.
#ifndef MILLRACE_CONNECTORS_REDSHIFT_DATA_API_PACE_H_
#define MILLRACE_CONNECTORS_REDSHIFT_DATA_API_PACE_H_

#include <string_view>

#include "base/call_pace.h"
#include "base/clock.h"

namespace millrace::redshift {

// An account may make so many requests in a second, in a region: 30 ExecuteStatement, 20
// BatchExecuteStatement, 100 DescribeStatement and 20 GetStatementResult. Those who share this make
// as many in any second at most. Of 500 statements that may be active, each session has one.
// Thread-safe.
class DataApiPace {
 public:
  explicit DataApiPace(Clock& clock);

  // Of one of those four.
  CallPace& Of(std::string_view operation);

 private:
  CallPace execute_, batch_, describe_, result_;
};

}  // namespace millrace::redshift

#endif  // MILLRACE_CONNECTORS_REDSHIFT_DATA_API_PACE_H_
