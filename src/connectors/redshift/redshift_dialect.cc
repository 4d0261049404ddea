#include "connectors/redshift/redshift_dialect.h"

#include <cstdio>

#include "absl/time/time.h"
#include "base/strings.h"
#include "connectors/redshift/data_api.h"
#include "postgres_client/sql_text.h"

namespace millrace::redshift {
namespace {

using postgres::QuoteTable;

// Of an INSERT, less its head.
constexpr size_t kInsertBytes = kMaxStatementBytes - 8'000;
// The statements of a script that are no INSERTs of rows: LOCK, the guard, ranges.
constexpr size_t kOtherStatements = 6;
// By a connection, a statement may have 16 MB.
constexpr size_t kConnectionBytes = 4'000'000;

void AppendTime(int64_t micros, std::string& out) {
  const absl::Time time = absl::FromUnixMicros(micros);
  const absl::CivilSecond second = absl::ToCivilSecond(time, absl::UTCTimeZone());
  char text[48];
  const int64_t fraction = ((micros % 1'000'000) + 1'000'000) % 1'000'000;
  const int size =
      std::snprintf(text, sizeof text, "'%04d-%02d-%02d %02d:%02d:%02d.%06d'",
                    static_cast<int>(second.year()), second.month(), second.day(), second.hour(),
                    second.minute(), second.second(), static_cast<int>(fraction));
  out.append(text, static_cast<size_t>(size));
}

}  // namespace

void AppendLiteral(std::string_view text, Backslash backslash, std::string& out) {
  const bool has_backslash = text.find('\\') != std::string_view::npos;
  const bool splits = has_backslash && backslash == Backslash::kUnknown;
  if (splits) out += '(';
  out += '\'';
  for (const char c : text) {
    if (c == '\'') {
      out += "''";
    } else if (c != '\\' || backslash == Backslash::kPlain) {
      out += c;
    } else if (backslash == Backslash::kEscape) {
      out += "\\\\";
    } else {
      out += "' || CHR(92) || '";
    }
  }
  out += '\'';
  if (splits) out += ')';
}

std::string QuoteLiteral(std::string_view text, Backslash backslash) {
  std::string quoted;
  AppendLiteral(text, backslash, quoted);
  return quoted;
}

RedshiftDialect::RedshiftDialect(std::string_view schema, std::string_view table, bool by_requests)
    : table_(QuoteTable(schema, table)),
      writers_name_(StrCat("millrace_", table, "_writers")),
      delivered_name_(StrCat("millrace_", table, "_delivered")),
      commits_name_(StrCat("millrace_", table, "_commits")),
      writers_(QuoteTable(schema, writers_name_)),
      delivered_(QuoteTable(schema, delivered_name_)),
      commits_(QuoteTable(schema, commits_name_)),
      by_requests_(by_requests) {}

size_t RedshiftDialect::max_script_bytes() const {
  if (!by_requests_) return kConnectionBytes;
  return is_small_ ? kMaxStatementBytes : (kMaxStatements - kOtherStatements) * kInsertBytes;
}

size_t RedshiftDialect::max_insert_bytes() const {
  return by_requests_ ? kInsertBytes : kConnectionBytes;
}

std::string RedshiftDialect::QuoteText(std::string_view text) const {
  return QuoteLiteral(text, backslash_);
}

// Redshift's manual, "LOCK": the snapshot of the transaction is taken after it.
std::vector<std::string> RedshiftDialect::LockStatements() const {
  return {StrCat("LOCK TABLE ", writers_)};
}

std::string RedshiftDialect::GuardSql(std::string_view open, size_t spans) const {
  return StrCat("SELECT 1 / (CASE WHEN COUNT(*) = ", spans, " THEN 1 ELSE 0 END) FROM (", open,
                ") o");
}

void RedshiftDialect::AppendCell(const Column& column, const Cell& cell, std::string& out) const {
  if (cell.is_null) {
    out += "NULL";
    return;
  }
  switch (column.type) {
    case ColumnType::kText:
      return AppendLiteral(cell.text, backslash_, out);
    case ColumnType::kJson:
      out += "JSON_PARSE(";
      AppendLiteral(cell.text, backslash_, out);
      out += ')';
      return;
    case ColumnType::kNumber:
      return AppendLiteral(cell.text, backslash_, out);
    case ColumnType::kInteger:
      return StrAppend(&out, cell.integer);
    case ColumnType::kBoolean:
      out += cell.integer != 0 ? "TRUE" : "FALSE";
      return;
    case ColumnType::kTime:
      return AppendTime(cell.integer, out);
  }
}

void RedshiftDialect::AppendRow(size_t /*span*/, const TableForm& form, TableRow row,
                                std::string& out) const {
  out += '(';
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) out += ',';
    AppendCell(form.columns()[i], row[i], out);
  }
  out += ')';
}

std::string RedshiftDialect::InsertSql(std::string_view rows, std::string_view /*open*/) const {
  return StrCat("INSERT INTO ", table_, " (", columns_, ") VALUES\n", rows);
}

}  // namespace millrace::redshift
