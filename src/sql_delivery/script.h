// What a database has to offer so that rows and the cursor are stored by scripts: statements that
// are sent at once and executed in one transaction.
#ifndef MILLRACE_SQL_DELIVERY_SCRIPT_H_
#define MILLRACE_SQL_DELIVERY_SCRIPT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "records/dialect.h"
#include "records/table_form.h"
#include "records/table_reader.h"

namespace millrace::sql_delivery {

struct Script {
  // Without BEGIN, COMMIT and ';'.
  std::vector<std::string> statements;
  // The statement whose rows are wanted; nullopt: none.
  std::optional<size_t> result;
  // The statement that SqlDialect::GuardSql() has made; nullopt: none.
  std::optional<size_t> guard;
};

// Rows of text; nullopt is NULL.
using TextRows = std::vector<std::vector<std::optional<std::string>>>;

// Why a script failed.
struct ScriptFailure {
  enum class Kind {
    kRetry,       // unknown whether it was executed, or it may succeed later
    kThrottled,   // the server asks for a lower rate
    kRefusesRow,  // nothing was stored: a value in it is not accepted
    kGuard,       // nothing was stored: the script's guard failed
    kStop,        // a retry will not help
  };
  Kind kind = Kind::kRetry;
  absl::Status status;
};

// Executes scripts. One thread at a time.
class ScriptRunner {
 public:
  virtual ~ScriptRunner() = default;

  // Makes the tables that are missing and checks those that exist; once it has succeeded, it does
  // nothing. Called before each script.
  virtual absl::Status Prepare(std::stop_token stop) = 0;

  // Executes all statements in one transaction, or none, and returns the rows of script.result. A
  // script whose outcome was unknown may be executed after a later one.
  virtual absl::StatusOr<TextRows> Run(const Script& script, std::stop_token stop) = 0;

  // What the error of the last Prepare() or Run() means.
  virtual ScriptFailure Explain(const absl::Status& error) = 0;
};

// The SQL of one database. Thread-safe.
class SqlDialect {
 public:
  virtual ~SqlDialect() = default;

  // What its columns hold.
  virtual const Dialect& values() const = 0;
  // The sizes of scripts and of rows in them, in bytes.
  virtual size_t max_script_bytes() const = 0;
  // Of the rows of one InsertSql(); a script may have several.
  virtual size_t max_insert_bytes() const { return SIZE_MAX; }

  // `text`, without NUL, as a literal.
  virtual std::string QuoteText(std::string_view text) const = 0;

  // Statements that make later transactions of this kind wait until this one has ended.
  virtual std::vector<std::string> LockStatements() const = 0;
  // The tables of the cursor, quoted (CursorSql).
  virtual std::string writers() const = 0;
  virtual std::string delivered() const = 0;

  // Of a database whose InsertSql() cannot leave rows out: a statement that fails unless the query
  // `open` returns `spans` rows, and with it the script. "": InsertSql() can.
  virtual std::string GuardSql(std::string_view open, size_t spans) const {
    (void)open, (void)spans;
    return "";
  }

  // Appends `row` of the span number `span` as an element of InsertSql(). The row fits values().
  virtual void AppendRow(size_t span, const TableForm& form, TableRow row,
                         std::string& out) const = 0;
  // The bytes that AppendRow() has to have before it, if it is not the first one.
  virtual std::string_view row_separator() const = 0;
  // Inserts the rows whose span is among those that the query `open` returns. Empty `open`: all.
  virtual std::string InsertSql(std::string_view rows, std::string_view open) const = 0;
};

}  // namespace millrace::sql_delivery

#endif  // MILLRACE_SQL_DELIVERY_SCRIPT_H_
