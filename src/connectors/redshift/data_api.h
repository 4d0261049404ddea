// Statements through the Redshift Data API.
#ifndef MILLRACE_CONNECTORS_REDSHIFT_DATA_API_H_
#define MILLRACE_CONNECTORS_REDSHIFT_DATA_API_H_

#include <cstddef>
#include <memory>
#include <string>

#include "auth/aws_credentials.h"
#include "base/clock.h"
#include "base/environment.h"
#include "connectors/redshift/data_api_pace.h"
#include "connectors/redshift/redshift_spec.h"
#include "connectors/redshift/sql_session.h"
#include "net/http_client.h"

namespace millrace::redshift {

// What the API takes (API reference and "Considerations when calling the Data API").
inline constexpr size_t kMaxStatements = 40;
inline constexpr size_t kMaxStatementBytes = 100'000;

// How it is reached.
struct DataApiService {
  std::string url;  // "https://redshift-data.eu-west-1.amazonaws.com"
  std::string region;
  std::shared_ptr<AwsKeySource> keys;
  std::shared_ptr<DataApiPace> pace;           // of all sessions
  size_t max_result_bytes = size_t{64} << 20;  // of the rows of a statement, in memory
};

// Its address in `region`, or AWS_ENDPOINT_URL_REDSHIFT_DATA or AWS_ENDPOINT_URL of `environment`.
std::string DataApiUrl(const std::string& region, const Environment& environment);

// Each Execute() is one request, BatchExecuteStatement, and others that wait for it. A request
// whose response was lost is sent again with the same ClientToken, which the service executes once.
// `spec` and `clock` outlive it.
std::unique_ptr<SqlSession> NewDataApiSession(const RedshiftSpec& spec, DataApiService service,
                                              std::unique_ptr<HttpClient> http, Clock& clock);

}  // namespace millrace::redshift

#endif  // MILLRACE_CONNECTORS_REDSHIFT_DATA_API_H_
