#include "connectors/redshift/libpq_session.h"

#include <utility>

#include "base/printable.h"
#include "base/status.h"
#include "base/strings.h"
#include "postgres_client/connection.h"

namespace millrace::redshift {
namespace {

using postgres::Connection;
using postgres::Rows;
using Kind = ServerError::Kind;

// Writes of other processes are waited for, and a warehouse has queues.
constexpr absl::Duration kPatience = absl::Minutes(30);
constexpr size_t kMaxMessageBytes = 500;

class LibpqSession final : public SqlSession {
 public:
  explicit LibpqSession(const RedshiftSpec& spec) : spec_(spec), connection_(*spec.address) {}

  absl::StatusOr<TextRows> Execute(const std::vector<std::string>& statements,
                                   std::optional<size_t> result, std::stop_token stop) override;
  absl::Status ExecuteAlone(const std::string& statement, const std::string& database,
                            std::stop_token stop) override;
  const ServerError& error() const override { return error_; }

 private:
  absl::Status Failed(const absl::Status& why, int statement);
  absl::StatusOr<TextRows> TryExecute(const std::vector<std::string>& statements,
                                      std::optional<size_t> result, const std::stop_token& stop);

  const RedshiftSpec& spec_;
  Connection connection_;
  ServerError error_;
};

absl::Status LibpqSession::Failed(const absl::Status& why, int statement) {
  const postgres::ServerError server = connection_.error();
  connection_.Rollback();
  if (absl::IsCancelled(why)) return StopRequested();
  error_ = {.code = server.state, .statement = statement};
  const std::string_view text =
      server.message.empty() ? ToStd(why.message()) : std::string_view(server.message);
  error_.message = StrCat("Redshift: ", Printable(Shorten(text, kMaxMessageBytes)));
  error_.kind = absl::IsUnavailable(why) ? Kind::kRetry : ClassifyFailure(server.state, text);
  if (postgres::IsOverloaded(server.state)) error_.kind = Kind::kThrottled;
  return StatusOf(error_);
}

TextRows Texts(const Rows& rows) {
  TextRows texts(rows.size());
  for (size_t row = 0; row < rows.size(); ++row) {
    for (int column = 0; column < rows.columns(); ++column) {
      if (rows.IsNull(row, column)) {
        texts[row].emplace_back();
      } else {
        texts[row].emplace_back(rows.Text(row, column));
      }
    }
  }
  return texts;
}

absl::StatusOr<TextRows> LibpqSession::TryExecute(const std::vector<std::string>& statements,
                                                  std::optional<size_t> result,
                                                  const std::stop_token& stop) {
  TextRows texts;
  const bool in_transaction = statements.size() > 1;
  if (in_transaction) {
    if (const auto begun = connection_.Query("BEGIN", stop); !begun.ok()) {
      return Failed(begun.status(), -1);
    }
  }
  for (size_t i = 0; i < statements.size(); ++i) {
    const absl::StatusOr<Rows> rows = connection_.Query(statements[i], stop, kPatience);
    if (!rows.ok()) return Failed(rows.status(), static_cast<int>(i));
    if (result == i) texts = Texts(*rows);
  }
  if (in_transaction) {
    const absl::Status committed = connection_.Commit(stop);
    if (!committed.ok()) return Failed(committed, static_cast<int>(statements.size()));
  }
  return texts;
}

absl::StatusOr<TextRows> LibpqSession::Execute(const std::vector<std::string>& statements,
                                               std::optional<size_t> result, std::stop_token stop) {
  const bool was_connected = connection_.is_connected();
  absl::StatusOr<TextRows> rows = TryExecute(statements, result, stop);
  // The server may have closed a connection that was idle; the first statement tells.
  const bool was_lost = !rows.ok() && was_connected && error_.kind == Kind::kRetry &&
                        error_.statement <= 0 && statements.size() > 1 &&
                        postgres::WasClosed(error_.code) && !connection_.is_connected();
  if (was_lost && !stop.stop_requested()) return TryExecute(statements, result, stop);
  return rows;
}

absl::Status LibpqSession::ExecuteAlone(const std::string& statement, const std::string& database,
                                        std::stop_token stop) {
  Connection connection(spec_.address->WithDatabase(database));
  const absl::Status executed = connection.Query(statement, stop, kPatience).status();
  if (executed.ok()) return executed;
  error_ = {.kind = absl::IsUnavailable(executed)
                        ? Kind::kRetry
                        : ClassifyFailure(connection.error().state, connection.error().message),
            .code = connection.error().state,
            .message = StrCat("Redshift: ", executed.message())};
  return executed;
}

}  // namespace

std::unique_ptr<SqlSession> NewLibpqSession(const RedshiftSpec& spec) {
  return std::make_unique<LibpqSession>(spec);
}

}  // namespace millrace::redshift
