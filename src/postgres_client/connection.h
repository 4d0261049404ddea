// A connection to PostgreSQL by libpq, with errors as absl::Status.
#ifndef MILLRACE_POSTGRES_CLIENT_CONNECTION_H_
#define MILLRACE_POSTGRES_CLIENT_CONNECTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "postgres_client/server_error.h"

struct pg_conn;
struct pg_result;

namespace millrace::postgres {

// True for texts that Address::Parse() handles: they begin with postgres:// or postgresql://, or
// with a keyword of a connection string and '='.
bool IsAddress(std::string_view text);

// The address and user of a database: a parsed URI (postgres:// or postgresql://) or connection
// string ("host=h dbname=d"), with every parameter that libpq knows: sslmode, sslrootcert, options,
// target_session_attrs ... Missing parameters come from libpq's environment (PGPASSWORD, PGSSLMODE
// ...) and ~/.pgpass.
class Address {
 public:
  // InvalidArgument, without quoting `uri`, also if a character that is not written as %XX makes a
  // part of the password look like something else.
  static absl::StatusOr<Address> Parse(std::string_view uri);

  // "postgres://host:port/database", for messages; what the address lacks is libpq's default.
  const std::string& name() const { return name_; }
  // Of the user, or of the key of its certificate.
  bool has_password() const { return !passwords_.empty(); }
  bool has_database() const { return has_database_; }
  // The same server and user, and another database.
  Address WithDatabase(const std::string& database) const;

 private:
  friend class Connection;
  std::string name_;
  bool has_database_ = false;
  std::vector<std::string> passwords_;  // kept out of messages
  std::vector<std::pair<std::string, std::string>> parameters_;
};

// Rows that a statement returned. Views are valid as long as it.
class Rows {
 public:
  size_t size() const;
  std::string_view Text(size_t row, int column) const;
  uint64_t Number(size_t row, int column) const;  // 0 if it is not a number
  bool True(size_t row, int column) const { return Text(row, column) == "t"; }
  bool IsNull(size_t row, int column) const;
  int columns() const;
  uint64_t changed() const;  // rows that the statement inserted, updated or deleted

 private:
  friend class Connection;
  struct Clear {
    void operator()(pg_result* result) const;
  };
  explicit Rows(pg_result* result) : result_(result) {}
  std::unique_ptr<pg_result, Clear> result_;
};

// One thread at a time. Connects on first use, and again after the connection was lost. A call that
// a stop or an end of patience ends also ends its statement on the server, if the server can be
// reached; but not Execute() and Commit(), whose statements may be about to commit.
class Connection {
 public:
  explicit Connection(Address address) : address_(std::move(address)) {}

  // One statement with $1, $2, ... in it, in a transaction of its own. Unavailable: the connection
  // was lost (the statement may or may not have been executed), or the server cannot serve now (it
  // restarts, has too many clients, or is read-only, as one that was the primary is after a
  // failover); try again, which reconnects if that may help. Cancelled: `stop` was requested; the
  // statement may or may not have been executed. PermissionDenied, Unauthenticated, NotFound (no
  // such database), FailedPrecondition (no such table), InvalidArgument (a value it does not
  // accept): permanent errors.
  absl::StatusOr<Rows> Execute(const char* sql, absl::Span<const std::string> parameters,
                               std::stop_token stop);
  // Several statements, which are one transaction unless they begin or end one. Returns the rows
  // of the last one. Errors as above, and Unavailable too if no byte moves for `patience`; a
  // transaction that is open then can only be rolled back.
  absl::StatusOr<Rows> Query(const std::string& sql, std::stop_token stop,
                             absl::Duration patience = absl::Seconds(60));
  absl::Status ExecuteAll(const char* sql, std::stop_token stop);
  // Several statements, of which the last is COPY ... FROM STDIN, and its data. Returns how many
  // rows were stored: those that triggers leave out are not. Errors as above;
  // Unavailable too if no byte moves for 60 s. A stop closes the connection, so that nothing of the
  // transaction remains.
  absl::StatusOr<uint64_t> CopyIn(const std::string& sql, std::string_view data,
                                  std::stop_token stop);
  // Several statements, of which the last is COPY ... TO STDOUT; calls `on_row` with each row of
  // it, without the line end. Errors as above; `patience` is long, since the server may look long
  // for the first rows. A status of `on_row` ends the call with it, and closes the connection, as a
  // stop does.
  absl::Status CopyOut(const std::string& sql,
                       const std::function<absl::Status(std::string_view row)>& on_row,
                       std::stop_token stop, absl::Duration patience = absl::Hours(1));
  // Commits; after a stop it still waits for the outcome, for 10 s. Unavailable and Cancelled: the
  // outcome is unknown. Other errors: the transaction was rolled back.
  absl::Status Commit(const std::stop_token& stop);
  // Rolls back the transaction that is open, if any; takes at most 5 s. Keeps error().
  void Rollback();

  // Of the last call that failed. Without a state: the server said nothing.
  const ServerError& error() const { return error_; }

  bool is_connected() const { return connection_ != nullptr; }
  const std::string& name() const { return address_.name(); }

 private:
  struct Finish {
    void operator()(pg_conn* connection) const;
  };
  absl::Status Connect(const std::stop_token& stop);
  absl::Status Begin(const std::stop_token& stop);
  absl::Status ReadError(const pg_result* result, bool& reconnect);
  // How long to wait for a server while no byte moves, and after a stop.
  struct Patience {
    absl::Duration idle = absl::Seconds(60);
    absl::Duration after_stop = absl::ZeroDuration();
  };
  absl::StatusOr<Rows> Receive(const std::stop_token& stop, Patience patience);
  enum class Until { kSent, kResult, kInput };
  // Waits until everything is sent and then, unless that is all, a result can be read or some input
  // has arrived. Unavailable if the patience ends.
  absl::Status Await(Until until, Patience patience, const std::stop_token& stop);
  absl::Status StopWaiting();
  // Closes the connection, and ends the statement that the server may still execute for it.
  void Abandon();
  absl::Status Lost(std::string_view why);
  std::string Redacted(std::string message) const;

  const Address address_;
  std::unique_ptr<pg_conn, Finish> connection_;  // null: not connected
  bool may_cancel_ = false;                      // the statement that was sent
  ServerError error_;
};

}  // namespace millrace::postgres

#endif  // MILLRACE_POSTGRES_CLIENT_CONNECTION_H_
