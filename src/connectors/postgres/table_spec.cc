#include "connectors/postgres/table_spec.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "connectors/postgres/sql_text.h"
#include "records/table_form.h"

namespace millrace::postgres {
namespace {

constexpr std::array kOurs = {"table", "events",  "users",     "groups",     "schema",
                              "form",  "columns", "partition", "add_columns"};
// What PostgreSQL silently truncates names to.
constexpr size_t kMaxNameBytes = 63;
// Leaves room for "_event_time_idx" and "_p20260131".
constexpr size_t kMaxTableBytes = 44;

using Parameters = std::map<std::string, std::string, std::less<>>;

absl::Status Invalid(std::string_view what) {
  return absl::InvalidArgumentError(StrCat("the PostgreSQL destination: ", what));
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

absl::StatusOr<std::string> Decode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : HexDigit(text[i + 2]);
    if (low < 0) return Invalid("a % of the query is not followed by two hex digits");
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

absl::Status CheckName(std::string_view what, std::string_view name, size_t max) {
  if (name.empty()) return Invalid(StrCat(what, " has no name"));
  if (name.size() > max) {
    return Invalid(StrCat(what, " ", name, " is longer than ", max, " bytes"));
  }
  if (!IsWellFormedUtf8(name) || name.find('\0') != std::string_view::npos) {
    return Invalid(StrCat("the name of ", what, " is not UTF-8 text"));
  }
  return absl::OkStatus();
}

// Takes our parameters out of `uri`; what remains is libpq's.
absl::StatusOr<Parameters> TakeParameters(std::string& uri) {
  Parameters ours;
  const size_t question = uri.find('?');
  if (question == std::string::npos) return ours;
  std::vector<std::string> theirs;
  const std::string query = uri.substr(question + 1);
  for (const absl::string_view part : absl::StrSplit(query, '&', absl::SkipEmpty())) {
    const std::string_view text = ToStd(part);
    const std::string_view key = text.substr(0, text.find('='));
    if (std::find(kOurs.begin(), kOurs.end(), key) == kOurs.end()) {
      theirs.emplace_back(text);
      continue;
    }
    ASSIGN_OR_RETURN(std::string value, Decode(text.substr(std::min(text.size(), key.size() + 1))));
    if (!ours.emplace(key, std::move(value)).second) return Invalid(StrCat(key, " is given twice"));
  }
  uri.resize(question);
  if (!theirs.empty()) uri += '?' + absl::StrJoin(theirs, "&");
  return ours;
}

absl::StatusOr<TableName> ParseTable(std::string_view text, std::string_view schema) {
  TableName name{.schema = std::string(schema), .table = std::string(text)};
  if (const size_t dot = text.find('.'); dot != std::string_view::npos) {
    if (!schema.empty()) return Invalid("a table is named with its schema, and schema= too");
    name = {.schema = std::string(text.substr(0, dot)), .table = std::string(text.substr(dot + 1))};
  } else if (schema.empty()) {
    name.schema = "public";
  }
  RETURN_IF_ERROR(CheckName("a schema", name.schema, kMaxNameBytes));
  RETURN_IF_ERROR(CheckName("a table", name.table, kMaxTableBytes));
  return name;
}

absl::Status ParseTables(const Parameters& parameters, TableSpec& spec) {
  const auto given = [&](std::string_view key) -> const std::string* {
    const auto found = parameters.find(key);
    return found == parameters.end() ? nullptr : &found->second;
  };
  if (given("table") && given("events")) return Invalid("table= is the table of events: name one");
  const std::string* schema = given("schema");
  if (schema != nullptr) RETURN_IF_ERROR(CheckName("a schema", *schema, kMaxNameBytes));
  bool any = given("table") != nullptr;
  for (const RecordType type : kAllRecordTypes) any = any || given(PluralOf(type)) != nullptr;
  std::set<TableName> names;
  for (const RecordType type : kAllRecordTypes) {
    const std::string* text = given(PluralOf(type));
    if (type == RecordType::kEvent && text == nullptr) text = given("table");
    if (text == nullptr && any) continue;
    ASSIGN_OR_RETURN(const TableName name,
                     ParseTable(text == nullptr ? PluralOf(type) : std::string_view(*text),
                                schema == nullptr ? std::string_view() : *schema));
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
    RETURN_IF_ERROR(CheckName("a column", column.substr(0, colon), kMaxNameBytes));
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

absl::Status ParseOptions(const Parameters& parameters, TableSpec& spec) {
  for (const auto& [key, value] : parameters) {
    if (key == "form") {
      const std::optional<Form> form = FormNamed(value);
      if (!form) return Invalid("form is table, raw or flat");
      spec.form = *form;
    } else if (key == "columns") {
      RETURN_IF_ERROR(ParseColumns(value, spec));
    } else if (key == "partition") {
      if (value != "day" && value != "none") return Invalid("partition is day or none");
      spec.partition_by_day = value == "day";
    } else if (key == "add_columns") {
      if (value != "true" && value != "false") return Invalid("add_columns is true or false");
      spec.add_columns = value == "true";
    }
  }
  if (spec.form == Form::kTable) return absl::OkStatus();
  if (!spec.extra_columns.empty()) return Invalid("columns= needs form=table");
  if (spec.partition_by_day) return Invalid("partition=day needs form=table");
  return absl::OkStatus();
}

}  // namespace

std::string TableName::Quoted() const { return QuoteTable(schema, table); }

absl::StatusOr<TableSpec> TableSpec::Parse(std::string_view uri) {
  if (!uri.starts_with("postgres://") && !uri.starts_with("postgresql://")) {
    return Invalid("it should be postgres://user@host:5432/database?table=events");
  }
  std::string theirs(uri);
  ASSIGN_OR_RETURN(const Parameters parameters, TakeParameters(theirs));
  ASSIGN_OR_RETURN(Address address, Address::Parse(theirs));
  if (address.has_password()) {
    return Invalid("it must not contain a password: set PGPASSWORD, a ~/.pgpass file or PGSERVICE");
  }
  if (!address.has_database()) return Invalid("name the database: postgres://host/DATABASE");
  TableSpec spec{.address = std::move(address), .tables = {}, .extra_columns = {}};
  RETURN_IF_ERROR(ParseTables(parameters, spec));
  RETURN_IF_ERROR(ParseOptions(parameters, spec));
  return spec;
}

}  // namespace millrace::postgres
