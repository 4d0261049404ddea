// The contracts of sinks and cursors, kept by scripts in SQLite.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/strings.h"
#include "pipeline/testing/cursor_contract.h"
#include "pipeline/testing/sink_contract.h"
#include "sql_delivery/cursor_sql.h"
#include "sql_delivery/sql_cursor.h"
#include "sql_delivery/sql_sink.h"

namespace millrace {
namespace {

using sql_delivery::Script;
using sql_delivery::ScriptFailure;
using sql_delivery::TextRows;

constexpr Dialect kSqliteDialect{.name = "SQLite",
                                 .max_text_bytes = 1 << 20,
                                 .max_json_bytes = 1 << 20,
                                 .min_time = INT64_MIN,
                                 .max_time = INT64_MAX};

// How a bad row is refused.
enum class Refusal { kDialect, kCheck };

class SqliteSql final : public sql_delivery::SqlDialect {
 public:
  explicit SqliteSql(size_t max_script_bytes) : max_script_bytes_(max_script_bytes) {}

  const Dialect& values() const override { return kSqliteDialect; }
  size_t max_script_bytes() const override { return max_script_bytes_; }
  std::string QuoteText(std::string_view text) const override {
    std::string quoted = "'";
    for (const char c : text) quoted.append(c == '\'' ? 2 : 1, c);
    return quoted + "'";
  }
  std::vector<std::string> LockStatements() const override {
    return {"UPDATE locks SET n = n + 1"};
  }
  std::string writers() const override { return "writers"; }
  std::string delivered() const override { return "delivered"; }
  // The distinct_id and the properties.
  void AppendRow(size_t span, const TableForm& form, TableRow row,
                 std::string& out) const override {
    StrAppend(&out, "(", span);
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string& name = form.columns()[i].name;
      if (name == "distinct_id" || name == "properties")
        StrAppend(&out, ",", QuoteText(row[i].text));
    }
    out += ")";
  }
  std::string_view row_separator() const override { return ","; }
  std::string InsertSql(std::string_view rows, std::string_view open) const override {
    std::string sql = StrCat("INSERT INTO events SELECT column2, column3 FROM (VALUES ", rows, ")");
    return open.empty() ? sql : StrCat(sql, " WHERE column1 IN (", open, ")");
  }

 private:
  const size_t max_script_bytes_;
};

// The database, and what the next script meets.
class Server {
 public:
  Server() {
    EXPECT_EQ(sqlite3_open(":memory:", &db_), SQLITE_OK);
    absl::MutexLock lock(&mutex_);
    for (const std::string& sql :
         {std::string("CREATE TABLE events (distinct_id TEXT CHECK (distinct_id <> 'bad'), "
                      "properties TEXT)"),
          std::string("CREATE TABLE locks (n INTEGER)"),
          std::string("INSERT INTO locks VALUES (0)"),
          StrCat("CREATE TABLE writers (", sql_delivery::WritersColumns("TEXT"), ")"),
          StrCat("CREATE TABLE delivered (", sql_delivery::DeliveredColumns("TEXT", "INTEGER"),
                 ")")}) {
      EXPECT_TRUE(Execute(sql, nullptr).ok()) << sql;
    }
  }
  ~Server() { sqlite3_close(db_); }

  absl::StatusOr<TextRows> Run(const Script& script) {
    absl::MutexLock lock(&mutex_);
    const bool writes =
        std::any_of(script.statements.begin(), script.statements.end(),
                    [](const std::string& sql) { return sql.starts_with("INSERT INTO events"); });
    if (fails_ && writes && !with_effect_) {
      fails_ = false;
      return absl::UnavailableError("the request was lost");
    }
    if (!reason_.empty() && writes) return absl::InvalidArgumentError(reason_);
    TextRows result;
    absl::Status done = Execute("BEGIN", nullptr);
    for (size_t i = 0; i < script.statements.size() && done.ok(); ++i) {
      done = Execute(script.statements[i], script.result == i ? &result : nullptr);
    }
    if (!done.ok()) {
      EXPECT_TRUE(Execute("ROLLBACK", nullptr).ok());
      return done;
    }
    EXPECT_TRUE(Execute("COMMIT", nullptr).ok());
    if (writes && std::exchange(fails_, false))
      return absl::UnavailableError("the response was lost");
    return result;
  }

  int Count(const std::string& condition) {
    absl::MutexLock lock(&mutex_);
    TextRows rows;
    EXPECT_TRUE(Execute(StrCat("SELECT count(*) FROM events WHERE ", condition), &rows).ok());
    return std::stoi(rows.at(0).at(0).value());
  }

  void FailNextWrite(bool with_effect) {
    absl::MutexLock lock(&mutex_);
    fails_ = true;
    with_effect_ = with_effect;
  }
  void RefuseAll(const std::string& reason) {
    absl::MutexLock lock(&mutex_);
    reason_ = reason;
  }

 private:
  absl::Status Execute(const std::string& sql, TextRows* rows)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db_, sql.data(), static_cast<int>(sql.size()), &statement, nullptr) !=
        SQLITE_OK) {
      return absl::InternalError(StrCat(sqlite3_errmsg(db_), ": ", sql.substr(0, 500)));
    }
    int step = 0;
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
      if (rows == nullptr) continue;
      auto& row = rows->emplace_back();
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
        row.push_back(text == nullptr ? std::optional<std::string>() : std::string(text));
      }
    }
    const std::string error = sqlite3_errmsg(db_);
    sqlite3_finalize(statement);
    if (step == SQLITE_DONE) return absl::OkStatus();
    if (step == SQLITE_CONSTRAINT) return absl::InvalidArgumentError(error);
    return absl::InternalError(error);
  }

  sqlite3* db_ = nullptr;
  absl::Mutex mutex_;
  bool fails_ ABSL_GUARDED_BY(mutex_) = false;
  bool with_effect_ ABSL_GUARDED_BY(mutex_) = false;
  std::string reason_ ABSL_GUARDED_BY(mutex_);
};

class Runner final : public sql_delivery::ScriptRunner {
 public:
  explicit Runner(Server& server) : server_(server) {}
  absl::Status Prepare(std::stop_token) override { return absl::OkStatus(); }
  absl::StatusOr<TextRows> Run(const Script& script, std::stop_token stop) override {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    return server_.Run(script);
  }
  ScriptFailure Explain(const absl::Status& error) override {
    using Kind = ScriptFailure::Kind;
    if (absl::IsUnavailable(error)) return {Kind::kRetry, error};
    if (absl::IsInvalidArgument(error)) return {Kind::kRefusesRow, error};
    return {Kind::kStop, error};
  }

 private:
  Server& server_;
};

template <Refusal kRefusal, size_t kMaxScriptBytes>
class SqliteFixture final : public SinkFixture {
 public:
  std::unique_ptr<Sink> NewSink() override {
    return sql_delivery::NewSqlSink({.dialect = sql_,
                                     .form = form_,
                                     .runner = std::make_unique<Runner>(server_),
                                     .traffic = traffic_,
                                     .clock = Clock::Real()});
  }
  DeliveryCursor* cursor() override { return &cursor_; }
  std::string GoodRow(int n) override { return Event(n, "good"); }
  std::string BadRow(int n) override {
    return Event(n, kRefusal == Refusal::kDialect ? "\\u0000" : "bad");
  }
  int Arrived(int n) override { return server_.Count(StrCat("properties = '{\"n\":", n, "}'")); }
  bool FailNextWrite(bool with_effect) override {
    server_.FailNextWrite(with_effect);
    return true;
  }
  void RefuseAll(const std::string& reason) override { server_.RefuseAll(reason); }

 private:
  static std::string Event(int n, std::string_view user) {
    return StrCat(R"({"event":"e","properties":{"distinct_id":")", user, R"(","n":)", n, "}}");
  }

  Server server_;
  const SqliteSql sql_{kMaxScriptBytes};
  const TableForm form_ = *TableForm::Make(RecordType::kEvent, {});
  sql_delivery::SqlCursor cursor_{sql_, [this] { return std::make_unique<Runner>(server_); }};
  Traffic traffic_;
};

template <Refusal kRefusal, size_t kMaxScriptBytes>
std::unique_ptr<SinkFixture> Make() {
  return std::make_unique<SqliteFixture<kRefusal, kMaxScriptBytes>>();
}

// The last but one has one or two rows in a script.
const auto kFixtures =
    testing::Values(Make<Refusal::kDialect, 1'000'000>, Make<Refusal::kCheck, 1'000'000>,
                    Make<Refusal::kCheck, 10'050>, Make<Refusal::kCheck, 50'000>);
INSTANTIATE_TEST_SUITE_P(Sqlite, SinkContract, kFixtures);
INSTANTIATE_TEST_SUITE_P(Sqlite, CursorContract, kFixtures);

}  // namespace
}  // namespace millrace
