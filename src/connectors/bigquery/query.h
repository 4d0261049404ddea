// Queries by BigQuery's REST API.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_QUERY_H_
#define MILLRACE_CONNECTORS_BIGQUERY_QUERY_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "connectors/bigquery/rest_client.h"

namespace millrace::bigquery {

// The cells of a row, as text; nullopt: NULL.
using QueryRow = std::vector<std::optional<std::string>>;

// Runs `sql`, which returns `columns` columns, and calls `on_page` with its rows, in pages that are
// bounded and not empty. It ends the query if that fails. Waits until the query has ended, or
// `stop` is requested. Errors as of RestClient::Send(), and that of `on_page`. FailedPrecondition:
// the query failed.
absl::Status RunQuery(RestClient& rest, const std::string& project, std::string_view sql,
                      size_t columns,
                      const std::function<absl::Status(const std::vector<QueryRow>& rows)>& on_page,
                      std::stop_token stop);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_QUERY_H_
