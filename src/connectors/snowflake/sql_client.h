// Statements through Snowflake's SQL API, version 2.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_SQL_CLIENT_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_SQL_CLIENT_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "connectors/snowflake/account_client.h"
#include "connectors/snowflake/server_error.h"
#include "connectors/snowflake/snowflake_spec.h"

namespace millrace::snowflake {

// The largest text of a request; Snowflake takes 1 MiB.
inline constexpr size_t kMaxSqlBytes = 1'000'000;

struct Statements {
  std::string text;  // joined by ';'
  int count = 1;     // more than one: they share a session, so that BEGIN and COMMIT can be used
  // Values of the '?' of a single statement, as its type (TEXT, FIXED ...) and its text.
  std::vector<std::pair<std::string, std::string>> bindings;
  absl::Duration timeout = absl::Minutes(10);  // after which Snowflake cancels it
  bool in_schema = true;                       // false: the database and the schema may not exist
};

// Rows of text; nullopt is NULL.
using SqlRows = std::vector<std::vector<std::optional<std::string>>>;

struct SqlResult {
  SqlRows rows;                      // of a single statement
  std::vector<std::string> handles;  // of each statement, if there are several; see Fetch()
};

// One thread at a time.
class SqlClient {
 public:
  // Both outlive the client.
  SqlClient(const SnowflakeSpec& spec, AccountClient& account) : spec_(spec), account_(account) {}

  // Executes the statements once. A request whose response was lost is sent again with the same id,
  // which Snowflake does not execute twice, and a statement that takes long is waited for.
  // Unavailable: it is not known whether they were executed, or the server asks to try later; then
  // error() says so. Cancelled: `stop` was requested; they may have been executed. Others: error()
  // and the table in server_error.h.
  absl::StatusOr<SqlResult> Execute(const Statements& statements, const std::stop_token& stop);

  // The rows of one of several statements.
  absl::StatusOr<SqlRows> Fetch(const std::string& handle, const std::stop_token& stop);

  // Of the last Execute() or Fetch() that failed.
  const ServerError& error() const { return error_; }

 private:
  // Tries again while no response comes or the server asks for it.
  absl::StatusOr<HttpResponse> SendUntilHeard(const HttpRequest& request,
                                              const std::stop_token& stop);
  absl::StatusOr<HttpResponse> WaitFor(HttpResponse response, absl::Duration timeout,
                                       const std::stop_token& stop);
  absl::StatusOr<nlohmann::json> ReadBody(const HttpResponse& response);
  absl::StatusOr<SqlRows> ReadRows(const nlohmann::json& body, const std::stop_token& stop);

  const SnowflakeSpec& spec_;
  AccountClient& account_;
  ServerError error_;
};

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_SQL_CLIENT_H_
