#include "connectors/bigquery/target_table.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/log.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/bigquery/table_schema.h"
#include "records/view_sql.h"

namespace millrace::bigquery {
namespace {

using nlohmann::json;

constexpr int kTries = 10;                            // while others change the table too
constexpr char kViewLabel[] = "millrace";             // marks the views that are ours
constexpr char kVersionLabel[] = "millrace_version";  // in microseconds after 1970
constexpr char kWriteRows[] = "bigquery.tables.updateData";

std::string TextOf(const json& table, const char* member) {
  const auto found = table.is_object() ? table.find(member) : table.end();
  return found != table.end() && found->is_string() ? found->get<std::string>() : "";
}

absl::Time VersionOf(const json& table) {
  const json label = table.value(json::json_pointer(StrCat("/labels/", kVersionLabel)), json());
  int64_t micros = 0;
  const bool is_number = label.is_string() && absl::SimpleAtoi(label.get<std::string>(), &micros);
  return absl::FromUnixMicros(is_number ? micros : 0);
}

}  // namespace

TargetTable::TargetTable(RestClient& rest, const TableSpec& spec, std::string table,
                         const TableForm& form)
    : rest_(rest),
      spec_(spec),
      table_(std::move(table)),
      form_(form),
      name_(StrCat(spec.project, ".", spec.dataset, ".", table_)),
      dataset_path_(StrCat(UrlEncode(spec.project), "/datasets/", spec.dataset)),
      path_(StrCat(dataset_path_, "/tables/", table_)) {}

absl::Status TargetTable::Explain(const absl::Status& status, std::string_view doing) const {
  const absl::Status why = Annotate(status, StrCat(doing, " ", name_));
  if (absl::IsPermissionDenied(why)) {
    return absl::PermissionDeniedError(
        StrCat(ToStd(why.message()), "; grant the role roles/bigquery.dataEditor on the dataset, ",
               "or on the project if the dataset must be created"));
  }
  if (absl::IsUnauthenticated(why)) {
    return absl::UnauthenticatedError(
        StrCat(ToStd(why.message()), "; check the Google credentials ",
               "(GOOGLE_APPLICATION_CREDENTIALS, or gcloud auth application-default login)"));
  }
  return why;
}

absl::StatusOr<bool> TargetTable::Create(const std::stop_token& stop) {
  const std::string body = NewTable(spec_, table_, form_).dump();
  const std::string tables = StrCat(dataset_path_, "/tables");
  absl::Status made = rest_.Send("POST", tables, body, "", stop).status();
  if (absl::IsNotFound(made)) {
    json dataset = {
        {"datasetReference", {{"projectId", spec_.project}, {"datasetId", spec_.dataset}}}};
    if (!spec_.location.empty()) dataset["location"] = spec_.location;
    const absl::Status created =
        rest_.Send("POST", StrCat(UrlEncode(spec_.project), "/datasets"), dataset.dump(), "", stop)
            .status();
    if (!created.ok() && !absl::IsAlreadyExists(created)) {
      return Explain(created, "creating the dataset of");
    }
    made = rest_.Send("POST", tables, body, "", stop).status();
  }
  if (absl::IsAlreadyExists(made)) return false;  // somebody else has just made it
  if (!made.ok()) return Explain(made, "creating the table");
  Log(Severity::kInfo, "created a table", {{"table", name_}});
  return true;
}

absl::StatusOr<bool> TargetTable::Prepare(std::stop_token stop) {
  bool is_changed = false;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const absl::StatusOr<json> table = rest_.Send("GET", path_, "", "", stop);
    if (absl::IsNotFound(table.status())) {
      ASSIGN_OR_RETURN(const bool is_made, Create(stop));
      if (is_made) return true;
      continue;
    }
    if (!table.ok()) return Explain(table.status(), "looking at the table");
    RETURN_IF_ERROR(CheckKey(*table, name_, spec_, form_.record_type()));
    ASSIGN_OR_RETURN(const json fields, NeededFields(*table, name_, form_));
    if (fields.is_null()) return is_changed;
    const absl::Status changed =
        rest_
            .Send("PATCH", path_, json{{"schema", {{"fields", fields}}}}.dump(),
                  TextOf(*table, "etag"), stop)
            .status();
    if (absl::IsAborted(changed)) continue;  // it was changed meanwhile
    if (!changed.ok()) return Explain(changed, "adding columns to the table");
    Log(Severity::kInfo, "added or relaxed columns of a table", {{"table", name_}});
    is_changed = true;
  }
  return absl::UnavailableError(StrCat(name_, ": others keep changing the table"));
}

absl::Status TargetTable::Look(std::stop_token stop) {
  const absl::StatusOr<json> table = rest_.Send("GET", path_, "", "", std::move(stop));
  if (!table.ok()) return Explain(table.status(), "looking at the table");
  RETURN_IF_ERROR(CheckKey(*table, name_, spec_, form_.record_type()));
  return NeededFields(*table, name_, form_).status();
}

absl::StatusOr<std::string> TargetTable::CreationTime(std::stop_token stop) {
  const absl::StatusOr<json> table = rest_.Send("GET", path_, "", "", std::move(stop));
  if (!table.ok()) return Explain(table.status(), "looking at the table");
  return TextOf(*table, "creationTime");
}

absl::StatusOr<absl::Time> TargetTable::TakeVersion(absl::Time at, std::stop_token stop) {
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const absl::StatusOr<json> table = rest_.Send("GET", path_, "", "", stop);
    if (!table.ok()) return Explain(table.status(), "looking at the table");
    const int64_t version =
        std::max(absl::ToUnixMicros(at), absl::ToUnixMicros(VersionOf(*table)) + 1);
    const json labels = {{kVersionLabel, StrCat(version)}};
    const absl::Status changed =
        rest_.Send("PATCH", path_, json{{"labels", labels}}.dump(), TextOf(*table, "etag"), stop)
            .status();
    if (absl::IsAborted(changed)) continue;  // it was changed meanwhile
    if (!changed.ok()) return Explain(changed, "setting a label of the table");
    return absl::FromUnixMicros(version);
  }
  return absl::UnavailableError(StrCat(name_, ": others keep changing the table"));
}

absl::StatusOr<absl::Time> TargetTable::LastVersion(std::stop_token stop) {
  const absl::StatusOr<json> table = rest_.Send("GET", path_, "", "", std::move(stop));
  if (!table.ok()) return Explain(table.status(), "looking at the table");
  return VersionOf(*table);
}

absl::Status TargetTable::CheckMayWrite(std::stop_token stop) {
  const absl::StatusOr<json> granted =
      rest_.Send("POST", StrCat(path_, ":testIamPermissions"),
                 json{{"permissions", {kWriteRows}}}.dump(), "", std::move(stop));
  // Emulators have no permissions.
  if (absl::IsInvalidArgument(granted.status()) || absl::IsUnavailable(granted.status()) ||
      absl::IsFailedPrecondition(granted.status())) {
    return absl::UnimplementedError("permissions cannot be looked up");
  }
  if (!granted.ok()) return Explain(granted.status(), "looking up permissions on");
  if (granted->is_object() && granted->contains("permissions") &&
      !(*granted)["permissions"].empty()) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(StrCat(name_, ": the permission ", kWriteRows, " is missing"));
}

std::string TargetTable::ViewQueryText() const {
  return ViewQuery(SqlDialect::kBigQuery, form_, StrCat("`", name_, "`")).value_or("");
}

std::string TargetTable::view() const {
  return ViewQueryText().empty() ? "" : ViewName(form_.record_type(), name_);
}

absl::StatusOr<bool> TargetTable::HasJsonProperties(const std::stop_token& stop) {
  const absl::StatusOr<json> table = rest_.Send("GET", path_, "", "", stop);
  if (!table.ok()) return Explain(table.status(), "looking at the table");
  const json none = json::array();
  const auto schema = table->find("schema");
  const bool has_fields = schema != table->end() && schema->is_object() &&
                          schema->contains("fields") && (*schema)["fields"].is_array();
  for (const json& field : has_fields ? (*schema)["fields"] : none) {
    if (TextOf(field, "name") == "properties") return TextOf(field, "type") == "JSON";
  }
  return false;
}

absl::Status TargetTable::CreateView(std::stop_token stop) {
  const std::string query = ViewQueryText();
  if (query.empty()) return absl::OkStatus();
  if (form_.record_type() != RecordType::kEvent) {
    ASSIGN_OR_RETURN(const bool has_json, HasJsonProperties(stop));
    if (!has_json) return absl::OkStatus();
  }
  const json view = {{"tableReference",
                      {{"projectId", spec_.project},
                       {"datasetId", spec_.dataset},
                       {"tableId", ViewName(form_.record_type(), table_)}}},
                     {"labels", {{kViewLabel, "view"}}},
                     {"view", {{"query", query}, {"useLegacySql", false}}}};
  const absl::Status made =
      rest_.Send("POST", StrCat(dataset_path_, "/tables"), view.dump(), "", std::move(stop))
          .status();
  if (made.ok() || absl::IsAlreadyExists(made)) return absl::OkStatus();
  return Explain(made, "creating the view of");
}

absl::Status TargetTable::DropView(const std::stop_token& stop) {
  if (view().empty()) return absl::OkStatus();
  const std::string path = ViewName(form_.record_type(), path_);
  const absl::StatusOr<json> found = rest_.Send("GET", path, "", "", stop);
  if (absl::IsNotFound(found.status())) return absl::OkStatus();
  if (!found.ok()) return Explain(found.status(), "looking at the view of");
  const auto labels = found->find("labels");
  if (labels == found->end() || !labels->is_object() || !labels->contains(kViewLabel)) {
    return absl::OkStatus();  // somebody else's
  }
  const absl::Status status = rest_.Send("DELETE", path, "", "", stop).status();
  return absl::IsNotFound(status) ? absl::OkStatus() : Explain(status, "dropping the view of");
}

absl::Status TargetTable::Drop(std::stop_token stop) {
  RETURN_IF_ERROR(DropView(stop));
  const absl::Status status = rest_.Send("DELETE", path_, "", "", std::move(stop)).status();
  return absl::IsNotFound(status) ? absl::OkStatus() : Explain(status, "dropping the table");
}

}  // namespace millrace::bigquery
