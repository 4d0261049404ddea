// A way to have Redshift execute statements: the Data API or a connection.
#ifndef MILLRACE_CONNECTORS_REDSHIFT_SQL_SESSION_H_
#define MILLRACE_CONNECTORS_REDSHIFT_SQL_SESSION_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "connectors/redshift/server_error.h"
#include "sql_delivery/script.h"

namespace millrace::redshift {

using sql_delivery::TextRows;

// One thread at a time; connects when it is first used.
class SqlSession {
 public:
  virtual ~SqlSession() = default;

  // Executes all statements in one transaction, or none, and returns the rows of the one with the
  // number `result`. Errors are StatusOf(error()), or Cancelled: `stop` was requested. After
  // Unavailable and Cancelled it is not known whether they were executed.
  virtual absl::StatusOr<TextRows> Execute(const std::vector<std::string>& statements,
                                           std::optional<size_t> result, std::stop_token stop) = 0;

  // Executes one statement outside of a transaction, in `database`.
  virtual absl::Status ExecuteAlone(const std::string& statement, const std::string& database,
                                    std::stop_token stop) = 0;

  // Of the last call that failed.
  virtual const ServerError& error() const = 0;

  absl::StatusOr<TextRows> Query(const std::string& statement, std::stop_token stop) {
    return Execute({statement}, 0, std::move(stop));
  }
};

}  // namespace millrace::redshift

#endif  // MILLRACE_CONNECTORS_REDSHIFT_SQL_SESSION_H_
