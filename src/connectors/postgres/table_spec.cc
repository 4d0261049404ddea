#include "connectors/postgres/table_spec.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/uri_query.h"
#include "postgres_client/sql_text.h"
#include "records/table_form.h"
#include "records/table_options.h"

namespace millrace::postgres {
namespace {

// What PostgreSQL silently truncates names to.
constexpr size_t kMaxNameBytes = 63;
// Leaves room for "_event_time_idx" and "_p20260131".
constexpr size_t kMaxTableBytes = 44;

absl::Status Invalid(std::string_view what) {
  return absl::InvalidArgumentError(StrCat("the PostgreSQL destination: ", what));
}

absl::Status CheckPart(std::string_view what, std::string_view name, size_t max) {
  const absl::Status checked = CheckName(what, name, max);
  return checked.ok() ? checked : Invalid(ToStd(checked.message()));
}

absl::StatusOr<TableName> ParseTable(std::string_view text, std::string_view schema) {
  TableName name{.schema = std::string(schema), .table = std::string(text)};
  if (const size_t dot = text.find('.'); dot != std::string_view::npos) {
    if (!schema.empty()) return Invalid("a table is named with its schema, and schema= too");
    name = {.schema = std::string(text.substr(0, dot)), .table = std::string(text.substr(dot + 1))};
  } else if (schema.empty()) {
    name.schema = "public";
  }
  RETURN_IF_ERROR(CheckPart("a schema", name.schema, kMaxNameBytes));
  RETURN_IF_ERROR(CheckPart("a table", name.table, kMaxTableBytes));
  return name;
}

absl::Status ParseTables(UriQuery& query, TableSpec& spec) {
  const std::optional<std::string> schema = query.Take("schema");
  if (schema) RETURN_IF_ERROR(CheckPart("a schema", *schema, kMaxNameBytes));
  const absl::StatusOr<TableNames> given = TakeTableNames(query);
  if (!given.ok()) return Invalid(ToStd(given.status().message()));
  std::set<TableName> names;
  for (const auto& [type, text] : *given) {
    ASSIGN_OR_RETURN(const TableName name, ParseTable(text, schema.value_or("")));
    if (!names.insert(name).second) return Invalid(StrCat(name.Text(), " is named twice"));
    spec.tables[type] = name;
  }
  return absl::OkStatus();
}

// The types by the names that PostgreSQL has for them, as well.
absl::Status ParseColumns(std::string_view text, TableSpec& spec) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {"bigint", "integer"}, {"double", "number"}, {"timestamptz", "time"}, {"jsonb", "json"}};
  for (const absl::string_view part : absl::StrSplit(ToAbsl(text), ',', absl::SkipEmpty())) {
    std::string column(part);
    const size_t colon = column.rfind(':');
    RETURN_IF_ERROR(CheckPart("a column", column.substr(0, colon), kMaxNameBytes));
    for (const auto& [ours, theirs] : kTypes) {
      if (colon != std::string::npos && column.substr(colon + 1) == ours) {
        column.replace(colon + 1, std::string::npos, theirs);
      }
    }
    spec.extra_columns.push_back(std::move(column));
  }
  for (const auto& [type, table] : spec.tables) {
    RETURN_IF_ERROR(Annotate(TableForm::Make(type, spec.extra_columns).status(), "columns="));
  }
  return absl::OkStatus();
}

absl::Status ParseOptions(UriQuery& query, TableSpec& spec) {
  if (const auto name = query.Take("form")) {
    const std::optional<Form> form = FormNamed(*name);
    if (!form) return Invalid("form is table, raw or flat");
    spec.form = *form;
  }
  if (const auto columns = query.Take("columns")) RETURN_IF_ERROR(ParseColumns(*columns, spec));
  const std::string partition = query.Take("partition").value_or("none");
  if (partition != "day" && partition != "none") return Invalid("partition is day or none");
  spec.partition_by_day = partition == "day";
  ASSIGN_OR_RETURN(spec.add_columns, query.TakeFlag("add_columns"));
  ASSIGN_OR_RETURN(const bool views, TakeViews(query));
  spec.views = views && spec.form == Form::kTable;
  if (spec.form == Form::kTable) return absl::OkStatus();
  if (!spec.extra_columns.empty()) return Invalid("columns= needs form=table");
  if (spec.partition_by_day) return Invalid("partition=day needs form=table");
  return absl::OkStatus();
}

// Quoted where it would otherwise not be clear where it ends.
std::string NamePart(const std::string& name) {
  return name.find_first_of("\".,/") == std::string::npos ? name : QuoteName(name);
}

}  // namespace

std::string TableName::Text() const { return StrCat(NamePart(schema), ".", NamePart(table)); }

std::string TableName::Quoted() const { return QuoteTable(schema, table); }

absl::StatusOr<TableSpec> TableSpec::Parse(std::string_view uri) {
  if (!uri.starts_with("postgres://") && !uri.starts_with("postgresql://")) {
    return Invalid("it should be postgres://user@host:5432/database?table=events");
  }
  ASSIGN_OR_RETURN(UriQuery query, UriQuery::Parse(uri));
  TableSpec spec;
  RETURN_IF_ERROR(ParseTables(query, spec));
  RETURN_IF_ERROR(ParseOptions(query, spec));
  ASSIGN_OR_RETURN(spec.address, Address::Parse(query.head() + query.Rest()));
  if (spec.address.has_password()) {
    return Invalid("it must not contain a password: set PGPASSWORD, a ~/.pgpass file or PGSERVICE");
  }
  if (!spec.address.has_database()) return Invalid("name the database: postgres://host/DATABASE");
  return spec;
}

std::string TableSpec::LedgerName(RecordType type) const {
  const auto table = tables.find(type);
  const TableName usual{.table = std::string(PluralOf(type))};
  return StrCat(address.name(), "/", (table == tables.end() ? usual : table->second).Text());
}

}  // namespace millrace::postgres
