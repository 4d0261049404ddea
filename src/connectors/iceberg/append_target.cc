#include "connectors/iceberg/append_target.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/time/civil_time.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::iceberg {
namespace {

using nlohmann::json;

constexpr int kTries = 10;                   // while others change the table too
constexpr int32_t kFirstPartitionId = 1000;  // by the specification

std::string_view TypeOf(ColumnType type) {
  switch (type) {
    case ColumnType::kInteger:
      return "long";
    case ColumnType::kNumber:
      return "double";
    case ColumnType::kBoolean:
      return "boolean";
    case ColumnType::kTime:
      return "timestamptz";
    case ColumnType::kText:
    case ColumnType::kJson:
      break;
  }
  return "string";
}

Unit UnitOf(std::string_view transform) {
  for (const Unit unit : {Unit::kHour, Unit::kDay, Unit::kMonth, Unit::kYear}) {
    if (transform == NameOf(unit)) return unit;
  }
  return Unit::kNone;
}

// The column whose time partitions a new table.
std::string_view TimeColumnOf(const IcebergSpec& spec, RecordType type) {
  return type == RecordType::kEvent && !spec.by_arrival ? "event_time" : "insert_time";
}

NewTable TableOf(const IcebergSpec& spec, const TableForm& form) {
  NewTable table;
  const std::string_view time = TimeColumnOf(spec, form.record_type());
  for (const Column& column : form.columns()) {
    IcebergColumn& added = table.columns.emplace_back();
    added.id = static_cast<int32_t>(table.columns.size());
    added.name = column.name;
    added.type = TypeOf(column.type);
    if (column.name != time || spec.partition == Unit::kNone) continue;
    table.partition = IcebergPartitionField{.id = kFirstPartitionId,
                                            .source_id = added.id,
                                            .name = StrCat(time, "_", NameOf(spec.partition)),
                                            .transform = std::string(NameOf(spec.partition))};
  }
  return table;
}

absl::Status Misfit(const Catalog& catalog, std::string_view what) {
  return absl::FailedPreconditionError(StrCat("the table ", catalog.table(), " ", what));
}

absl::StatusOr<const IcebergSchema*> CurrentSchema(const Catalog& catalog,
                                                   const IcebergMetadata& metadata) {
  for (const IcebergSchema& schema : metadata.schemas) {
    if (schema.id == metadata.current_schema_id) return &schema;
  }
  return Misfit(catalog, "has no current schema");
}

// What the table lacks, with new ids.
absl::StatusOr<std::vector<IcebergColumn>> MissingColumns(const Catalog& catalog,
                                                          const IcebergMetadata& metadata,
                                                          const IcebergSchema& schema,
                                                          const TableForm& form) {
  std::vector<IcebergColumn> missing;
  int32_t last_id = metadata.last_column_id;
  for (const Column& column : form.columns()) {
    const std::string_view type = TypeOf(column.type);
    const IcebergColumn* const known = schema.Find(column.name);
    for (const IcebergColumn& other : schema.columns) {
      if (&other == known || !absl::EqualsIgnoreCase(other.name, column.name)) continue;
      return Misfit(catalog, StrCat("has a column ", other.name, " beside ", column.name,
                                    ", which most engines cannot tell apart: rename it"));
    }
    if (known == nullptr) {
      missing.push_back({.id = ++last_id, .name = column.name, .type = std::string(type)});
    } else if (known->type != type) {
      return Misfit(catalog, StrCat("has a column ", column.name, " of the type ", known->type,
                                    ", and Millrace writes ", type,
                                    ": name another table, or drop or rename the column"));
    }
  }
  for (const IcebergColumn& column : schema.columns) {
    if (!column.required) continue;
    return Misfit(catalog, StrCat("requires a value in the column ", column.name,
                                  ", which records may not have: make the column optional"));
  }
  return missing;
}

// The partition field of new files, if there is one.
absl::Status FindField(const Catalog& catalog, const IcebergMetadata& metadata,
                       const TableForm& form, AppendTarget& target) {
  target.spec_id = metadata.default_spec_id;
  const auto found = metadata.partition_specs.find(target.spec_id);
  if (found == metadata.partition_specs.end()) return Misfit(catalog, "has no partition spec");
  if (found->second.empty()) return absl::OkStatus();
  constexpr char kRemedy[] =
      "Millrace appends to tables without partitions, or with one of the hour, day, month or year "
      "of event_time or insert_time";
  if (found->second.size() > 1) {
    return Misfit(catalog, StrCat("is partitioned by several fields; ", kRemedy));
  }
  const IcebergPartitionField& field = found->second.front();
  target.unit = UnitOf(field.transform);
  std::string column;  // of the top level
  for (const IcebergColumn& one : target.schema.columns) {
    if (one.id == field.source_id) column = one.name;
  }
  const bool is_event_time = column == "event_time" && form.record_type() == RecordType::kEvent;
  if (target.unit == Unit::kNone || (!is_event_time && column != "insert_time")) {
    return Misfit(catalog, StrCat("is partitioned by ", field.transform, " of ",
                                  column.empty() ? "a nested column" : column, "; ", kRemedy));
  }
  target.layout.by_arrival = !is_event_time;
  target.field = field;
  return absl::OkStatus();
}

std::string_view PathOf(Unit unit) {
  switch (unit) {
    case Unit::kNone:
      break;
    case Unit::kHour:
      return "={date}-{hour}";
    case Unit::kDay:
      return "={date}";
    case Unit::kMonth:
      return "={year}-{month}";
    case Unit::kYear:
      return "={year}";
  }
  return "";
}

absl::StatusOr<AppendTarget> TargetOf(const Catalog& catalog, const IcebergSpec& spec,
                                      const IcebergMetadata& metadata, const IcebergSchema& schema,
                                      const TableForm& form) {
  AppendTarget target{.uuid = metadata.uuid, .location = metadata.location, .schema = schema};
  if (!target.location.ends_with('/')) target.location += '/';
  target.layout.file_bytes = spec.file_bytes;
  for (const Column& column : form.columns()) {
    target.layout.field_ids.push_back(schema.Find(column.name)->id);
  }
  RETURN_IF_ERROR(FindField(catalog, metadata, form, target));
  std::string path = "data";
  if (target.field) {
    StrAppend(&path, "/", target.layout.by_arrival ? "insert_time" : "event_time", "_",
              NameOf(target.unit), PathOf(target.unit));
  }
  ASSIGN_OR_RETURN(target.layout.path, data_files::PathTemplate::Parse(path));
  return target;
}

absl::Status CheckVersion(const Catalog& catalog, const IcebergMetadata& metadata) {
  if (metadata.format_version == 2) return absl::OkStatus();
  return Misfit(
      catalog, StrCat("has format version ", metadata.format_version, ": upgrade it to version 2"));
}

}  // namespace

std::string AppendTarget::ToNote() const {
  json note = {{"uuid", uuid},           {"location", location},  {"field_ids", layout.field_ids},
               {"schema_id", schema.id}, {"schema", schema.json}, {"spec_id", spec_id}};
  if (field) {
    note["field"] = {{"id", field->id},
                     {"source_id", field->source_id},
                     {"name", field->name},
                     {"transform", field->transform}};
  }
  return note.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<AppendTarget> AppendTarget::FromNote(const std::string& note) {
  AppendTarget target;
  try {
    const json parsed = json::parse(note);
    target.uuid = parsed.at("uuid");
    target.location = parsed.at("location");
    target.layout.field_ids = parsed.at("field_ids").get<std::vector<int32_t>>();
    target.schema.id = parsed.at("schema_id");
    target.schema.json = parsed.at("schema");
    target.spec_id = parsed.at("spec_id");
    if (parsed.contains("field")) {
      IcebergPartitionField& field = target.field.emplace();
      field.id = parsed["field"].at("id");
      field.source_id = parsed["field"].at("source_id");
      field.name = parsed["field"].at("name");
      field.transform = parsed["field"].at("transform");
      target.unit = UnitOf(field.transform);
    }
  } catch (const json::exception&) {
    return absl::InvalidArgumentError("the list of staged files does not describe their table");
  }
  return target;
}

absl::Status AppendTarget::CheckFits(const IcebergMetadata& metadata) const {
  if (metadata.uuid != uuid) return absl::NotFoundError("it is another table of that name");
  std::string now = metadata.location;
  if (!now.ends_with('/')) now += '/';
  if (now != location) return absl::NotFoundError("its location is another one");
  if (!metadata.partition_specs.contains(spec_id)) {
    return absl::NotFoundError("its partition spec was removed");
  }
  for (const IcebergSchema& current : metadata.schemas) {
    if (current.id != metadata.current_schema_id) continue;
    for (const int32_t id : layout.field_ids) {
      const bool is_there = std::any_of(current.columns.begin(), current.columns.end(),
                                        [id](const IcebergColumn& one) { return one.id == id; });
      if (!is_there) return absl::NotFoundError("a column was dropped");
    }
  }
  return absl::OkStatus();
}

std::optional<int32_t> AppendTarget::PartitionValueOf(
    data_files::PathTemplate::Partition partition) const {
  if (!field || partition == data_files::PathTemplate::kNoTime) return std::nullopt;
  const absl::CivilSecond time = absl::CivilSecond(1970, 1, 1) + partition;
  switch (unit) {
    case Unit::kNone:
      return std::nullopt;
    case Unit::kHour:
      return static_cast<int32_t>(absl::CivilHour(time) - absl::CivilHour(1970));
    case Unit::kDay:
      return static_cast<int32_t>(absl::CivilDay(time) - absl::CivilDay(1970));
    case Unit::kMonth:
      return static_cast<int32_t>(absl::CivilMonth(time) - absl::CivilMonth(1970));
    case Unit::kYear:
      return static_cast<int32_t>(absl::CivilYear(time) - absl::CivilYear(1970));
  }
  return std::nullopt;
}

absl::StatusOr<AppendTarget> PrepareTable(Catalog& catalog, const IcebergSpec& spec,
                                          const TableForm& form, const std::stop_token& stop) {
  for (int tries = 0; tries < kTries; ++tries) {
    absl::StatusOr<LoadedTable> table = catalog.Load(stop);
    if (absl::IsNotFound(table.status())) {
      Log(Severity::kInfo, "there is no table: creating it", {{"table", catalog.table()}});
      RETURN_IF_ERROR(catalog.Create(TableOf(spec, form), stop));
      ASSIGN_OR_RETURN(table, catalog.Load(stop));
    }
    RETURN_IF_ERROR(table.status());
    RETURN_IF_ERROR(CheckVersion(catalog, table->metadata));
    ASSIGN_OR_RETURN(const IcebergSchema* const schema, CurrentSchema(catalog, table->metadata));
    ASSIGN_OR_RETURN(const std::vector<IcebergColumn> missing,
                     MissingColumns(catalog, table->metadata, *schema, form));
    if (missing.empty()) return TargetOf(catalog, spec, table->metadata, *schema, form);
    for (const IcebergColumn& column : missing) {
      Log(Severity::kInfo, "adding a column",
          {{"table", catalog.table()}, {"column", column.name}, {"type", column.type}});
    }
    const absl::Status added = catalog.Change(*table, {.new_columns = missing}, stop);
    if (!added.ok() && !absl::IsAborted(added)) return added;
  }
  return absl::UnavailableError(StrCat("the table ", catalog.table(), " is changed all the time"));
}

absl::Status CheckTable(Catalog& catalog, const TableForm& form, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const LoadedTable table, catalog.Load(stop));
  RETURN_IF_ERROR(CheckVersion(catalog, table.metadata));
  ASSIGN_OR_RETURN(const IcebergSchema* const schema, CurrentSchema(catalog, table.metadata));
  RETURN_IF_ERROR(MissingColumns(catalog, table.metadata, *schema, form).status());
  AppendTarget target{.schema = *schema};
  return FindField(catalog, table.metadata, form, target);
}

}  // namespace millrace::iceberg
