// What a --to of PostgreSQL says: where the tables are and what they look like.
#ifndef MILLRACE_CONNECTORS_POSTGRES_TABLE_SPEC_H_
#define MILLRACE_CONNECTORS_POSTGRES_TABLE_SPEC_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/record_type.h"
#include "postgres_client/connection.h"
#include "records/form.h"

namespace millrace::postgres {

struct TableName {
  std::string schema = "public";
  std::string table;
  // "public.events"; no two tables have the same text. A part with one of ".,/ in it is quoted.
  std::string Text() const;
  std::string Quoted() const;
  friend auto operator<=>(const TableName&, const TableName&) = default;
};

struct TableSpec {
  Address address;
  // The tables of the DEST: those it names, or all three.
  std::map<RecordType, TableName> tables;
  Form form = Form::kTable;
  std::vector<std::string> extra_columns;  // as TableForm::Make() takes them
  bool partition_by_day = false;
  bool add_columns = false;
  bool views = true;  // which Create() makes, in the form kTable

  // "postgres://user@host:5432/db?table=T&...". The parameters table, events, users, groups,
  // schema, form, columns, partition, add_columns and
  // views are ours, all others libpq's. InvalidArgument:
  // it cannot be read, has a password, names no database, two types have one table, or
  // columns do not go together.
  static absl::StatusOr<TableSpec> Parse(std::string_view uri);

  // LedgerKey::destination of records of `type`.
  std::string LedgerName(RecordType type) const;
};

}  // namespace millrace::postgres

#endif  // MILLRACE_CONNECTORS_POSTGRES_TABLE_SPEC_H_
