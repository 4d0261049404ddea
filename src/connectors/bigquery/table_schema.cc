#include "connectors/bigquery/table_schema.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/strings.h"
#include "records/standard_columns.h"

namespace millrace::bigquery {
namespace {

using nlohmann::json;

// In REST the older names of types are written, and both are understood.
std::string_view TypeOf(ColumnType type) {
  switch (type) {
    case ColumnType::kText:
      return "STRING";
    case ColumnType::kInteger:
      return "INTEGER";
    case ColumnType::kNumber:
      return "FLOAT";
    case ColumnType::kBoolean:
      return "BOOLEAN";
    case ColumnType::kTime:
      return "TIMESTAMP";
    case ColumnType::kJson:
      return "JSON";
  }
  return "STRING";
}

std::string CanonicalType(std::string type) {
  absl::AsciiStrToUpper(&type);
  if (type == "INT64") return "INTEGER";
  if (type == "FLOAT64") return "FLOAT";
  if (type == "BOOL") return "BOOLEAN";
  return type;
}

bool Fits(ColumnType type, std::string_view column_type) {
  return column_type == TypeOf(type) || (type == ColumnType::kJson && column_type == "STRING");
}

std::string TextOf(const json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

bool MayBeNull(RecordType type, std::string_view column) {
  const auto columns = StandardColumns(type);
  return std::none_of(columns.begin(), columns.end(), [column](const StandardColumn& standard) {
    return standard.name == column && standard.required;
  });
}

json Field(const Column& column) {
  return {{"name", column.name}, {"type", TypeOf(column.type)}, {"mode", "NULLABLE"}};
}

json Clusters(RecordType type) {
  if (type == RecordType::kEvent) return json::array({"event", "distinct_id"});
  return KeyColumns(type);
}

// The names of the columns of its primary key, in lower case.
std::set<std::string> KeyOf(const json& table) {
  std::set<std::string> key;
  const json columns =
      table.value(json::json_pointer("/tableConstraints/primaryKey/columns"), json());
  for (const json& column : columns) {
    if (column.is_string()) key.insert(absl::AsciiStrToLower(column.get<std::string>()));
  }
  return key;
}

// As BigQuery writes an INTERVAL: "0-0 0 0:15:0".
std::string IntervalText(absl::Duration time) {
  const int64_t seconds = absl::ToInt64Seconds(time);
  return StrCat("0-0 0 ", seconds / 3600, ":", seconds / 60 % 60, ":", seconds % 60);
}

absl::Status Misfit(std::string_view name, std::string_view what) {
  return absl::FailedPreconditionError(StrCat("the table ", name, " ", what));
}

// Adapts a field that is there. InvalidArgument, with what is wrong with it.
absl::Status AdaptField(const Column& column, RecordType type, json& field, bool& is_changed) {
  const std::string found = CanonicalType(TextOf(field, "type"));
  const std::string mode = TextOf(field, "mode");
  if (mode == "REPEATED" || !Fits(column.type, found)) {
    return absl::InvalidArgumentError(StrCat("has a column ", column.name, " of the type ",
                                             mode == "REPEATED" ? "ARRAY of " : "", found,
                                             ", and Millrace writes ", TypeOf(column.type),
                                             ": name another table, or drop or rename the column"));
  }
  if (mode == "REQUIRED" && MayBeNull(type, column.name)) {
    field["mode"] = "NULLABLE";
    is_changed = true;
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> KeyColumns(RecordType type) {
  switch (type) {
    case RecordType::kEvent:
      break;
    case RecordType::kUser:
      return {"distinct_id"};
    case RecordType::kGroup:
      return {"group_key", "group_id"};
  }
  return {};
}

json NewTable(const TableSpec& spec, std::string_view table, const TableForm& form) {
  json fields = json::array();
  for (const Column& column : form.columns()) fields.push_back(Field(column));
  const RecordType type = form.record_type();
  json made = {{"tableReference",
                {{"projectId", spec.project}, {"datasetId", spec.dataset}, {"tableId", table}}},
               {"schema", {{"fields", std::move(fields)}}},
               {"clustering", {{"fields", Clusters(type)}}}};
  if (spec.upserts(type)) {
    made["tableConstraints"] = {{"primaryKey", {{"columns", KeyColumns(type)}}}};
    if (spec.max_staleness > absl::ZeroDuration()) {
      made["maxStaleness"] = IntervalText(spec.max_staleness);
    }
  } else if (spec.partition_by_day) {
    made["timePartitioning"] = {
        {"type", "DAY"}, {"field", type == RecordType::kEvent ? "event_time" : "insert_time"}};
  }
  return made;
}

absl::StatusOr<json> NeededFields(const json& table, std::string_view name, const TableForm& form) {
  const std::string kind = TextOf(table, "type");
  if (!kind.empty() && kind != "TABLE") {
    return Misfit(name, StrCat("is of the kind ", kind, ": name a table"));
  }
  json fields = json::array();
  if (table.contains("schema") && table["schema"].is_object() &&
      table["schema"].contains("fields") && table["schema"]["fields"].is_array()) {
    fields = table["schema"]["fields"];
  }
  bool is_changed = false;
  std::set<std::string> filled;
  for (const Column& column : form.columns()) {
    const auto found = std::find_if(fields.begin(), fields.end(), [&](const json& field) {
      return field.is_object() && absl::EqualsIgnoreCase(TextOf(field, "name"), column.name);
    });
    filled.insert(absl::AsciiStrToLower(column.name));
    if (found == fields.end()) {
      fields.push_back(Field(column));
      is_changed = true;
      continue;
    }
    const absl::Status fits = AdaptField(column, form.record_type(), *found, is_changed);
    if (!fits.ok()) return Misfit(name, ToStd(fits.message()));
  }
  for (const json& field : fields) {
    if (!field.is_object()) continue;
    const std::string column = TextOf(field, "name");
    if (TextOf(field, "mode") != "REQUIRED" || filled.contains(absl::AsciiStrToLower(column))) {
      continue;
    }
    return Misfit(name, StrCat("requires a value in the column ", column,
                               ", which records do not have: run ALTER TABLE ", name,
                               " ALTER COLUMN ", column, " DROP NOT NULL"));
  }
  return is_changed ? fields : json();
}

absl::Status CheckKey(const json& table, std::string_view name, const TableSpec& spec,
                      RecordType type) {
  if (type == RecordType::kEvent) return absl::OkStatus();
  const std::vector<std::string> columns = KeyColumns(type);
  const bool is_keyed = KeyOf(table) == std::set<std::string>(columns.begin(), columns.end());
  if (is_keyed == spec.upserts(type)) return absl::OkStatus();
  if (is_keyed) {
    return Misfit(name, StrCat("has a primary key, so it has one row for each profile, and updates "
                               "cannot be appended: name another table, or add profiles=upsert to "
                               "an export"));
  }
  std::string key;
  for (const std::string& column : columns) StrAppend(&key, key.empty() ? "" : ", ", column);
  return Misfit(name, StrCat("does not have the primary key (", key, "), so updates may have been ",
                             "appended to it, and profiles=upsert would mix with them: name a ",
                             "table of its own, which is created"));
}

}  // namespace millrace::bigquery
