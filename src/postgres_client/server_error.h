// What a PostgreSQL server says about a statement that failed, and what that means.
#ifndef MILLRACE_POSTGRES_CLIENT_SERVER_ERROR_H_
#define MILLRACE_POSTGRES_CLIENT_SERVER_ERROR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace millrace::postgres {

struct ServerError {
  std::string state;  // SQLSTATE, five characters; empty: the error is not the server's
  std::string message;
  std::string detail;
  std::string context;     // a line for each level, the innermost first
  std::string column;      // empty if the server names none, as the next
  std::string constraint;  // also of a unique index
};

// By SQLSTATE (PostgreSQL manual, appendix A).

// The server does not accept this connection now; a new connection may reach one that does.
bool WantsAnotherConnection(std::string_view state);

// The connection was lost, or the server ended the session, as it does with idle ones and when it
// restarts. At the first statement after a pause that is no failure of the server.
bool WasClosed(std::string_view state);

// A conflict with other transactions, or a time limit.
bool IsPassing(std::string_view state);

// The server has no disk space, memory or connections left: it needs a lower rate.
bool IsOverloaded(std::string_view state);

// The rows are to blame: a value that a type, constraint, index or trigger does not accept.
bool BlamesRows(std::string_view state);

absl::StatusCode CodeOf(std::string_view state);

// The line of the input at which a COPY into `table` (without its schema) failed, from 1. Nullopt
// if the server names none, as for triggers and constraints that are checked at the end.
std::optional<uint64_t> CopyLine(const ServerError& error, std::string_view table);

}  // namespace millrace::postgres

#endif  // MILLRACE_POSTGRES_CLIENT_SERVER_ERROR_H_
