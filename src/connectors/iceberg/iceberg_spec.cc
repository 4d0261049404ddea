#include "connectors/iceberg/iceberg_spec.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/uri_query.h"
#include "data_files/uri_options.h"
#include "net/url.h"
#include "records/table_form.h"

namespace millrace::iceberg {
namespace {

constexpr std::string_view kScheme = "iceberg:";
constexpr Unit kUnits[] = {Unit::kNone, Unit::kHour, Unit::kDay, Unit::kMonth, Unit::kYear};
constexpr char kFolderParameters[] =
    "table, events, users, groups, columns, partition, time, file_size and age";
constexpr char kCatalogParameters[] =
    "namespace, warehouse, sigv4, table, events, users, groups, columns, partition, time, "
    "file_size "
    "and age";

bool IsUrl(std::string_view text) {
  return text.starts_with("https://") || text.starts_with("http://");
}

absl::Status ParseCatalog(std::string_view text, UriQuery& query, IcebergSpec& spec) {
  ASSIGN_OR_RETURN(const Url url, ParseUrl(text));
  if (url.has_user || url.has_fragment) {
    return absl::InvalidArgumentError(
        "the catalog's URL has a user or a fragment; credentials come from ICEBERG_REST_TOKEN or "
        "ICEBERG_REST_CREDENTIAL");
  }
  if (url.scheme != "https" && !url.IsLoopback()) {
    return absl::InvalidArgumentError("the catalog's URL must be https, or http to this machine");
  }
  spec.catalog.url = text;
  while (spec.catalog.url.ends_with('/')) spec.catalog.url.pop_back();
  const auto name = query.Take("namespace");
  if (!name || name->empty()) {
    return absl::InvalidArgumentError("name the namespace of the tables: namespace=analytics");
  }
  for (const absl::string_view level : absl::StrSplit(*name, '.')) {
    if (level.empty()) return absl::InvalidArgumentError("namespace= has an empty level");
    spec.catalog.name_space.emplace_back(level);
  }
  spec.catalog.warehouse = query.Take("warehouse").value_or("");
  spec.catalog.sigv4 = query.Take("sigv4").value_or("");
  return absl::OkStatus();
}

// Most engines do not tell upper from lower case.
absl::Status CheckNamesDiffer(const TableForm& form) {
  std::set<std::string> names;
  for (const Column& column : form.columns()) {
    if (names.insert(absl::AsciiStrToLower(column.name)).second) continue;
    return absl::InvalidArgumentError(
        StrCat("columns=: ", column.name, " differs from another column only by its case"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view NameOf(Unit unit) {
  switch (unit) {
    case Unit::kNone:
      return "none";
    case Unit::kHour:
      return "hour";
    case Unit::kDay:
      return "day";
    case Unit::kMonth:
      return "month";
    case Unit::kYear:
      return "year";
  }
  return "";
}

absl::StatusOr<IcebergSpec> IcebergSpec::Parse(std::string_view uri) {
  ASSIGN_OR_RETURN(UriQuery query, UriQuery::Parse(uri));
  std::string_view place = query.head();
  if (place.starts_with(kScheme)) place.remove_prefix(kScheme.size());
  IcebergSpec spec;
  if (IsUrl(place)) {
    RETURN_IF_ERROR(ParseCatalog(place, query, spec));
  } else {
    if (place.ends_with(".json") || place.ends_with(".json.gz")) {
      return absl::InvalidArgumentError(
          "name the folder that the tables are in, not a metadata file");
    }
    ASSIGN_OR_RETURN(spec.root, data_files::RootOf(place));
  }
  ASSIGN_OR_RETURN(spec.tables, spec.has_catalog() ? data_files::TakeNames(query)
                                                   : data_files::TakeFolders(query));
  for (const auto& [type, table] : spec.tables) {
    // A '.' separates the levels of namespaces in names of ledgers.
    if (spec.has_catalog() && (table.empty() || table.find_first_of("./") != std::string::npos)) {
      return absl::InvalidArgumentError(
          StrCat("\"", table, "\" is not the name of a table; namespaces are named by namespace="));
    }
  }
  spec.extra_columns = query.TakeList("columns");
  for (const auto& [type, table] : spec.tables) {
    const absl::StatusOr<TableForm> form = TableForm::Make(type, spec.extra_columns);
    RETURN_IF_ERROR(Annotate(form.status(), "columns="));
    RETURN_IF_ERROR(CheckNamesDiffer(*form));
  }
  if (const auto name = query.Take("partition")) {
    const auto* const unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                          [&](Unit known) { return NameOf(known) == *name; });
    if (unit == std::end(kUnits)) {
      return absl::InvalidArgumentError("partition is none, hour, day, month or year");
    }
    spec.partition = *unit;
  }
  ASSIGN_OR_RETURN(spec.by_arrival, data_files::TakeByArrival(query));
  ASSIGN_OR_RETURN(spec.file_bytes, data_files::TakeFileBytes(query));
  ASSIGN_OR_RETURN(spec.age, data_files::TakeAge(query));
  RETURN_IF_ERROR(query.CheckAllTaken(spec.has_catalog() ? kCatalogParameters : kFolderParameters));
  return spec;
}

std::string IcebergSpec::Place() const {
  if (!has_catalog()) return StrCat(kScheme, root);
  return StrCat(kScheme, catalog.url, "/",
                catalog.warehouse.empty() ? "" : UrlEncode(catalog.warehouse) + "/",
                absl::StrJoin(catalog.name_space, "."));
}

std::string IcebergSpec::LedgerName(RecordType type) const {
  const auto table = tables.find(type);
  const std::string name = table == tables.end() ? std::string(PluralOf(type)) : table->second;
  return has_catalog() ? StrCat(Place(), ".", name) : StrCat(Place(), name, "/");
}

}  // namespace millrace::iceberg
