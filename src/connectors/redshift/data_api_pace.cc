#include "connectors/redshift/data_api_pace.h"

#include <algorithm>

#include "absl/time/time.h"

namespace millrace::redshift {
namespace {

constexpr absl::Duration kRefusalWait = absl::Seconds(1);

// A tenth of them may come at once.
CallQuota QuotaOf(int calls_per_second, std::string_view name) {
  const int burst = std::max(1, calls_per_second / 10);
  return {.burst = burst,
          .interval = absl::Seconds(1) / (calls_per_second - burst),
          .refusal_wait = kRefusalWait,
          .name = name};
}

}  // namespace

DataApiPace::DataApiPace(Clock& clock)
    : execute_(QuotaOf(30, "the Data API's quota of ExecuteStatement"), clock),
      batch_(QuotaOf(20, "the Data API's quota of BatchExecuteStatement"), clock),
      describe_(QuotaOf(100, "the Data API's quota of DescribeStatement"), clock),
      result_(QuotaOf(20, "the Data API's quota of GetStatementResult"), clock) {}

CallPace& DataApiPace::Of(std::string_view operation) {
  if (operation == "ExecuteStatement") return execute_;
  if (operation == "BatchExecuteStatement") return batch_;
  return operation == "GetStatementResult" ? result_ : describe_;
}

}  // namespace millrace::redshift
