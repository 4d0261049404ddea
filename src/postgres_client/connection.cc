#include "postgres_client/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/notification.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::postgres {
namespace {

constexpr absl::Duration kConnectPatience = absl::Seconds(30);
constexpr absl::Duration kCancelPatience = absl::Seconds(2);
constexpr absl::Duration kRollbackPatience = absl::Seconds(5);
constexpr absl::Duration kCommitGrace = absl::Seconds(10);  // after a stop
constexpr size_t kCopyBytes = 64 << 10;  // handed to libpq at a time, which copies them

constexpr char kNoPassword[] = "28P01";

// What a URI may override.
constexpr std::pair<const char*, const char*> kDefaults[] = {
    {"keepalives_idle", "30"},   {"keepalives_interval", "10"},
    {"keepalives_count", "3"},   {"tcp_user_timeout", "45000"},
    {"client_encoding", "UTF8"}, {"fallback_application_name", "millrace"}};

// The SQLSTATE in a verbose message, "FATAL:  28P01: ..."; "" if there is none.
std::string_view StateIn(std::string_view message) {
  for (size_t at = message.find(":  "); at != std::string_view::npos;
       at = message.find(":  ", at + 1)) {
    const std::string_view state = message.substr(at + 3, 5);
    const bool is_state = state.size() == 5 && message.substr(at + 8, 1) == ":" &&
                          std::all_of(state.begin(), state.end(), [](char c) {
                            return absl::ascii_isdigit(c) || absl::ascii_isupper(c);
                          });
    if (is_state) return state;
  }
  return "";
}

// Waits until `fd` is ready, but only briefly, so that a stop is noticed soon. False: it failed.
bool Poll(int fd, int events, short& ready, absl::Duration max) {
  constexpr absl::Duration kUntilNextLook = absl::Milliseconds(100);
  pollfd one{.fd = fd, .events = static_cast<short>(events), .revents = 0};
  const absl::Duration wait = std::min(max, kUntilNextLook);
  const int result = poll(&one, 1, static_cast<int>(absl::ToInt64Milliseconds(wait)) + 1);
  ready = one.revents;
  return result >= 0 || errno == EINTR;
}

// Ends the statement of a connection. PQcancel() opens another one and blocks, for minutes if the
// network is gone: then its thread continues without the caller.
void CancelStatement(PGconn* connection) {
  const std::shared_ptr<PGcancel> request(PQgetCancel(connection), &PQfreeCancel);
  if (request == nullptr) return;
  const auto done = std::make_shared<absl::Notification>();
  std::thread([request, done] {
    std::array<char, 256> error;
    PQcancel(request.get(), error.data(), static_cast<int>(error.size()));
    done->Notify();
  }).detach();
  done->WaitForNotificationWithTimeout(kCancelPatience);
}

// The first line, which says what is wrong; libpq's further lines give the place in the server's
// source.
std::string FirstLine(std::string_view message) {
  return std::string(absl::StripAsciiWhitespace(ToAbsl(message.substr(0, message.find('\n')))));
}

// With a bare '@' or '/' in a password, libpq reads the rest of it as the host, port or database,
// which appear in messages.
bool IsAmbiguous(std::string_view uri) {
  const size_t scheme = uri.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view head = uri.substr(scheme + 3, uri.find('?') - scheme - 3);
  const size_t at = head.find('@');
  return at != std::string_view::npos &&
         (head.find('@', at + 1) != std::string_view::npos || head.find('/') < at);
}

using Options = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

// What libpq takes for `keyword` if an address lacks it: from its environment, or a service file.
std::string Default(std::string_view keyword) {
  const Options defaults(PQconndefaults(), &PQconninfoFree);
  for (const PQconninfoOption* option = defaults.get();
       option != nullptr && option->keyword != nullptr; ++option) {
    if (keyword == option->keyword && option->val != nullptr) return option->val;
  }
  return "";
}

bool IsPort(std::string_view text) {
  return text.find_first_not_of("0123456789,") == std::string_view::npos;
}

absl::Status Unreadable() {
  return absl::InvalidArgumentError(
      "the PostgreSQL address cannot be read: it should be "
      "postgres://user@host:5432/database?sslmode=verify-full, with special characters of names "
      "and passwords as %XX (/ is %2F, @ is %40), or host=... dbname=... user=...");
}

}  // namespace

bool IsAddress(std::string_view text) {
  if (text.starts_with("postgres://") || text.starts_with("postgresql://")) return true;
  const std::string_view word = text.substr(0, text.find_first_of("= \t"));
  const std::string_view rest = text.substr(word.size());
  const size_t equals = rest.find_first_not_of(" \t");
  if (equals == std::string_view::npos || rest[equals] != '=') return false;
  const Options known(PQconndefaults(), &PQconninfoFree);
  if (known == nullptr) return false;
  for (const PQconninfoOption* option = known.get(); option->keyword != nullptr; ++option) {
    if (word == option->keyword) return true;
  }
  return false;
}

absl::StatusOr<Address> Address::Parse(std::string_view uri) {
  char* error = nullptr;
  const Options options(PQconninfoParse(std::string(uri).c_str(), &error), &PQconninfoFree);
  if (error != nullptr) PQfreemem(error);  // it may quote a password
  if (options == nullptr || IsAmbiguous(uri)) return Unreadable();
  Address address;
  std::map<std::string, std::string, std::less<>> given;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    given[option->keyword] = option->val;
    address.parameters_.emplace_back(option->keyword, option->val);
  }
  const auto first_of = [&](std::initializer_list<std::string_view> keywords) {
    for (const std::string_view keyword : keywords) {
      if (const auto found = given.find(keyword); found != given.end()) return found->second;
    }
    return Default(keywords.begin()[0]);
  };
  for (const char* secret : {"password", "sslpassword"}) {
    if (const std::string& text = given[secret]; !text.empty()) address.passwords_.push_back(text);
  }
  const std::string host = first_of({"host", "hostaddr", "service"});
  const std::string port = first_of({"port"});
  const std::string database = first_of({"dbname", "service"});
  if (!IsPort(port) || database.find("://") != std::string::npos) return Unreadable();
  for (const auto& [keyword, value] : kDefaults) {
    if (!given.contains(keyword)) address.parameters_.emplace_back(keyword, value);
  }
  address.has_database_ = !database.empty();
  address.name_ = StrCat("postgres://", host.empty() ? "local" : host, ":",
                         port.empty() ? "5432" : port, "/", database);
  return address;
}

Address Address::WithDatabase(const std::string& database) const {
  Address other = *this;
  std::erase_if(other.parameters_, [](const auto& one) { return one.first == "dbname"; });
  other.parameters_.emplace_back("dbname", database);
  other.has_database_ = true;
  other.name_ = StrCat(name_.substr(0, name_.rfind('/') + 1), database);
  return other;
}

void Rows::Clear::operator()(pg_result* result) const { PQclear(result); }
void Connection::Finish::operator()(pg_conn* connection) const { PQfinish(connection); }

size_t Rows::size() const { return static_cast<size_t>(PQntuples(result_.get())); }

std::string_view Rows::Text(size_t row, int column) const {
  const int r = static_cast<int>(row);
  return {PQgetvalue(result_.get(), r, column),
          static_cast<size_t>(PQgetlength(result_.get(), r, column))};
}

uint64_t Rows::Number(size_t row, int column) const {
  uint64_t number = 0;
  return absl::SimpleAtoi(ToAbsl(Text(row, column)), &number) ? number : 0;
}

bool Rows::IsNull(size_t row, int column) const {
  return PQgetisnull(result_.get(), static_cast<int>(row), column) != 0;
}

int Rows::columns() const { return PQnfields(result_.get()); }

uint64_t Rows::changed() const {
  uint64_t number = 0;
  return absl::SimpleAtoi(PQcmdTuples(result_.get()), &number) ? number : 0;
}

std::string Connection::Redacted(std::string message) const {
  for (const std::string& password : address_.passwords_) {
    message = absl::StrReplaceAll(message, {{password, "***"}});
  }
  return StrCat(address_.name(), ": ", message);
}

absl::Status Connection::Connect(const std::stop_token& stop) {
  if (stop.stop_requested()) return StopRequested();
  if (connection_ != nullptr) return absl::OkStatus();
  std::vector<const char*> keywords, values;
  for (const auto& [keyword, value] : address_.parameters_) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  // Not PQconnectdbParams(): the verbosity must be set first, because it shows the SQLSTATE.
  connection_.reset(PQconnectStartParams(keywords.data(), values.data(), /*expand_dbname=*/0));
  if (connection_ == nullptr) return absl::ResourceExhaustedError("no memory for a connection");
  PGconn* connection = connection_.get();
  PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
  PQsetNoticeProcessor(
      connection, [](void*, const char*) {}, nullptr);
  const absl::Duration end = Clock::Real().Elapsed() + kConnectPatience;
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (PQstatus(connection) != CONNECTION_BAD && state != PGRES_POLLING_OK &&
         state != PGRES_POLLING_FAILED) {
    short ready = 0;
    const int events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!Poll(PQsocket(connection), events, ready, kConnectPatience)) break;
    if (stop.stop_requested()) return StopWaiting();
    if (Clock::Real().Elapsed() > end) return Lost("connecting took too long");
    if (ready != 0) state = PQconnectPoll(connection);
  }
  if (PQstatus(connection) == CONNECTION_OK) {
    PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
    PQsetnonblocking(connection, 1);
    return absl::OkStatus();
  }
  const std::string message = PQerrorMessage(connection);
  error_.state = StateIn(message);
  // libpq gives up on its own if the server wants a password and there is none.
  if (PQconnectionNeedsPassword(connection) != 0) error_.state = kNoPassword;
  // Without a state nobody answered. 55000: the database accepts no connections now.
  const bool may_pass = error_.state.empty() || error_.state == "55000";
  const absl::StatusCode code = may_pass ? absl::StatusCode::kUnavailable : CodeOf(error_.state);
  connection_.reset();
  return absl::Status(code, Redacted(StrCat("connecting: ", FirstLine(message))));
}

absl::Status Connection::Lost(std::string_view why) {
  absl::Status lost = absl::UnavailableError(Redacted(FirstLine(why)));
  connection_.reset();  // `why` may be its own
  return lost;
}

// A late response must not reach the next statement.
absl::Status Connection::StopWaiting() {
  Abandon();
  return StopRequested();
}

// A server notices only when it sends or reads that its client is gone.
void Connection::Abandon() {
  if (may_cancel_ && PQtransactionStatus(connection_.get()) == PQTRANS_ACTIVE) {
    CancelStatement(connection_.get());
  }
  connection_.reset();
}

absl::Status Connection::Await(Until until, Patience patience, const std::stop_token& stop) {
  PGconn* connection = connection_.get();
  absl::Duration end = Clock::Real().Elapsed() + patience.idle;
  absl::Duration stop_end = absl::InfiniteDuration();
  bool has_input = false;
  for (;;) {
    const int unsent = PQflush(connection);
    if (unsent < 0) return Lost(PQerrorMessage(connection));
    const bool is_there = until == Until::kSent || (until == Until::kInput && has_input) ||
                          (until == Until::kResult && PQisBusy(connection) == 0);
    if (unsent == 0 && is_there) return absl::OkStatus();
    const absl::Duration now = Clock::Real().Elapsed();
    if (now >= end) {
      Abandon();
      return Lost("the server does not answer");
    }
    short ready = 0;
    const int events = unsent == 0 ? POLLIN : POLLIN | POLLOUT;
    if (!Poll(PQsocket(connection), events, ready, end - now)) return Lost(std::strerror(errno));
    if (stop.stop_requested()) stop_end = std::min(stop_end, now + patience.after_stop);
    if (now >= stop_end && ready == 0) return StopWaiting();
    if (ready != 0) end = now + patience.idle;  // bytes move
    if ((ready & ~POLLOUT) == 0) continue;
    if (PQconsumeInput(connection) == 0) return Lost(PQerrorMessage(connection));
    has_input = true;
  }
}

absl::Status Connection::ReadError(const pg_result* result, bool& reconnect) {
  const auto field = [result](int code) {
    const char* text = PQresultErrorField(result, code);
    return std::string(text == nullptr ? "" : text);
  };
  error_ = {.state = field(PG_DIAG_SQLSTATE),
            .message = field(PG_DIAG_MESSAGE_PRIMARY),
            .detail = field(PG_DIAG_MESSAGE_DETAIL),
            .context = field(PG_DIAG_CONTEXT),
            .column = field(PG_DIAG_COLUMN_NAME),
            .constraint = field(PG_DIAG_CONSTRAINT_NAME)};
  if (error_.message.empty()) error_.message = FirstLine(PQresultErrorMessage(result));
  reconnect = WantsAnotherConnection(error_.state);
  return absl::Status(error_.state.empty() ? absl::StatusCode::kUnavailable : CodeOf(error_.state),
                      Redacted(error_.message));
}

// The result of the one statement that was sent, or the last of several. Returns early when the
// data of a COPY is due.
absl::StatusOr<Rows> Connection::Receive(const std::stop_token& stop, Patience patience) {
  Rows last(nullptr);
  absl::Status status;
  bool reconnect = false;
  for (;;) {
    RETURN_IF_ERROR(Await(Until::kResult, patience, stop));
    Rows rows(PQgetResult(connection_.get()));
    if (rows.result_ == nullptr) break;
    const ExecStatusType result = PQresultStatus(rows.result_.get());
    if (result == PGRES_COPY_IN || result == PGRES_COPY_OUT) return rows;
    if (result != PGRES_COMMAND_OK && result != PGRES_TUPLES_OK && status.ok()) {
      status = ReadError(rows.result_.get(), reconnect);
    }
    last = std::move(rows);
  }
  if (reconnect || PQstatus(connection_.get()) == CONNECTION_BAD) connection_.reset();
  RETURN_IF_ERROR(status);
  if (last.result_ == nullptr) return absl::InternalError(Redacted("an empty answer"));
  return last;
}

absl::Status Connection::Begin(const std::stop_token& stop) {
  error_ = {};
  return Connect(stop);
}

absl::StatusOr<Rows> Connection::Execute(const char* sql, absl::Span<const std::string> parameters,
                                         std::stop_token stop) {
  RETURN_IF_ERROR(Begin(stop));
  may_cancel_ = false;
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  if (PQsendQueryParams(connection_.get(), sql, static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, /*resultFormat=*/0) == 0) {
    return Lost(PQerrorMessage(connection_.get()));
  }
  return Receive(stop, {});
}

absl::StatusOr<Rows> Connection::Query(const std::string& sql, std::stop_token stop,
                                       absl::Duration patience) {
  RETURN_IF_ERROR(Begin(stop));
  may_cancel_ = true;
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) {
    return Lost(PQerrorMessage(connection_.get()));
  }
  return Receive(stop, {.idle = patience});
}

absl::Status Connection::ExecuteAll(const char* sql, std::stop_token stop) {
  return Query(sql, stop).status();
}

absl::StatusOr<uint64_t> Connection::CopyIn(const std::string& sql, std::string_view data,
                                            std::stop_token stop) {
  ASSIGN_OR_RETURN(const Rows begun, Query(sql, stop));
  if (PQresultStatus(begun.result_.get()) != PGRES_COPY_IN) {
    return absl::InternalError(Redacted("the statement is not a COPY FROM STDIN"));
  }
  PGconn* connection = connection_.get();
  while (!data.empty()) {
    const std::string_view part = data.substr(0, kCopyBytes);
    const int taken = PQputCopyData(connection, part.data(), static_cast<int>(part.size()));
    if (taken < 0) return Lost(PQerrorMessage(connection));
    if (taken > 0) data.remove_prefix(part.size());
    // All of it, so that libpq does not collect the rest in memory.
    RETURN_IF_ERROR(Await(Until::kSent, {}, stop));
  }
  int ended = 0;
  while ((ended = PQputCopyEnd(connection, nullptr)) == 0) {
    RETURN_IF_ERROR(Await(Until::kSent, {}, stop));
  }
  if (ended < 0) return Lost(PQerrorMessage(connection));
  ASSIGN_OR_RETURN(const Rows copied, Receive(stop, {}));
  return copied.changed();
}

absl::Status Connection::CopyOut(const std::string& sql,
                                 const std::function<absl::Status(std::string_view row)>& on_row,
                                 std::stop_token stop, absl::Duration patience) {
  ASSIGN_OR_RETURN(const Rows begun, Query(sql, stop, patience));
  if (PQresultStatus(begun.result_.get()) != PGRES_COPY_OUT) {
    return absl::InternalError(Redacted("the statement is not a COPY TO STDOUT"));
  }
  for (;;) {
    char* line = nullptr;
    const int size = PQgetCopyData(connection_.get(), &line, /*async=*/1);
    const std::unique_ptr<char, decltype(&PQfreemem)> owner(line, &PQfreemem);
    if (size < 0) return Receive(stop, {}).status();  // the end, or an error
    if (size == 0) {
      if (stop.stop_requested()) return StopWaiting();
      RETURN_IF_ERROR(Await(Until::kInput, {.idle = patience}, stop));
      continue;
    }
    std::string_view row(line, static_cast<size_t>(size));
    if (row.ends_with('\n')) row.remove_suffix(1);
    if (absl::Status status = on_row(row); !status.ok()) {
      Abandon();  // the rest would come first
      return status;
    }
  }
}

absl::Status Connection::Commit(const std::stop_token& stop) {
  error_ = {};
  if (connection_ == nullptr) return absl::UnavailableError(Redacted("the connection is lost"));
  may_cancel_ = false;
  if (PQsendQuery(connection_.get(), "COMMIT") == 0) {
    return Lost(PQerrorMessage(connection_.get()));
  }
  ASSIGN_OR_RETURN(const Rows done, Receive(stop, {.after_stop = kCommitGrace}));
  // That is how the server commits a transaction that has failed.
  if (std::string_view(PQcmdStatus(done.result_.get())) == "COMMIT") return absl::OkStatus();
  return absl::AbortedError(Redacted("the transaction was rolled back"));
}

void Connection::Rollback() {
  if (connection_ == nullptr) return;
  const PGTransactionStatusType state = PQtransactionStatus(connection_.get());
  if (state == PQTRANS_IDLE) return;
  const bool sent = (state == PQTRANS_INTRANS || state == PQTRANS_INERROR) &&
                    PQsendQuery(connection_.get(), "ROLLBACK") != 0;
  may_cancel_ = may_cancel_ && !sent;
  // The server rolls back what a lost connection leaves.
  if (!sent || !Receive({}, {.idle = kRollbackPatience}).ok()) Abandon();
}

}  // namespace millrace::postgres
