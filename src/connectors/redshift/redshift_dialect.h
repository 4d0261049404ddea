// How rows and the cursor are written in Redshift's SQL.
#ifndef MILLRACE_CONNECTORS_REDSHIFT_REDSHIFT_DIALECT_H_
#define MILLRACE_CONNECTORS_REDSHIFT_REDSHIFT_DIALECT_H_

#include <atomic>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sql_delivery/script.h"

namespace millrace::redshift {

// Whether a backslash in '...' is an escape, as in PostgreSQL 8, or stands for itself.
enum class Backslash { kUnknown, kEscape, kPlain };

// `text`, without NUL, as an expression of its value. Unknown: the expression has no backslash.
std::string QuoteLiteral(std::string_view text, Backslash backslash);
// The same; appends it.
void AppendLiteral(std::string_view text, Backslash backslash, std::string& out);

class RedshiftDialect final : public sql_delivery::SqlDialect {
 public:
  // The cursor of `table` is in tables beside it. `by_requests`: the sizes are those of the Data
  // API, else those of a connection.
  RedshiftDialect(std::string_view schema, std::string_view table, bool by_requests);

  // What the server does; set before rows are written.
  void set_backslash(Backslash backslash) { backslash_ = backslash; }
  // A script was refused for its size: later ones have the size of one statement.
  void Shrink() { is_small_ = true; }

  const std::string& table() const { return table_; }  // quoted, with the schema, as the next
  const std::string& writers_name() const { return writers_name_; }
  const std::string& delivered_name() const { return delivered_name_; }
  // Of method=copy: the outcomes of commits.
  const std::string& commits_name() const { return commits_name_; }
  const std::string& commits() const { return commits_; }  // quoted

  const Dialect& values() const override { return kRedshiftDialect; }
  size_t max_script_bytes() const override;
  size_t max_insert_bytes() const override;
  std::string QuoteText(std::string_view text) const override;
  std::vector<std::string> LockStatements() const override;
  std::string writers() const override { return writers_; }
  std::string delivered() const override { return delivered_; }
  std::string GuardSql(std::string_view open, size_t spans) const override;
  void AppendRow(size_t span, const TableForm& form, TableRow row, std::string& out) const override;
  std::string_view row_separator() const override { return ",\n"; }
  std::string InsertSql(std::string_view rows, std::string_view open) const override;

  // The columns of InsertSql(), quoted, in the order of the form's.
  void set_columns(std::string columns) { columns_ = std::move(columns); }

 private:
  void AppendCell(const Column& column, const Cell& cell, std::string& out) const;

  const std::string table_;
  const std::string writers_name_;
  const std::string delivered_name_;
  const std::string commits_name_;
  const std::string writers_;
  const std::string delivered_;
  const std::string commits_;
  const bool by_requests_;
  std::string columns_;
  std::atomic<Backslash> backslash_{Backslash::kUnknown};
  std::atomic<bool> is_small_{false};
};

}  // namespace millrace::redshift

#endif  // MILLRACE_CONNECTORS_REDSHIFT_REDSHIFT_DIALECT_H_
