#include "records/table_form.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/status.h"
#include "base/strings.h"
#include "records/standard_columns.h"

namespace millrace {
namespace {

constexpr ColumnType kTypes[] = {ColumnType::kText,    ColumnType::kInteger, ColumnType::kNumber,
                                 ColumnType::kBoolean, ColumnType::kTime,    ColumnType::kJson};

// "name" or "name:type".
absl::StatusOr<Column> ParseColumn(std::string_view spec) {
  Column column;
  const size_t colon = spec.rfind(':');
  std::string_view name = spec.substr(0, colon);
  if (name.starts_with('$')) name.remove_prefix(1);
  if (name.empty()) return absl::InvalidArgumentError(StrCat("column \"", spec, "\": no name"));
  column.name = name;
  if (colon == std::string_view::npos) return column;
  const std::string_view type = spec.substr(colon + 1);
  const auto* const found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                         [&](ColumnType known) { return NameOf(known) == type; });
  if (found == std::end(kTypes)) {
    return absl::InvalidArgumentError(
        StrCat("column \"", spec, "\": unknown type \"", type,
               "\"; the types are text, integer, number, boolean, time and json"));
  }
  column.type = *found;
  return column;
}

}  // namespace

std::string_view NameOf(ColumnType type) {
  switch (type) {
    case ColumnType::kText:
      return "text";
    case ColumnType::kInteger:
      return "integer";
    case ColumnType::kNumber:
      return "number";
    case ColumnType::kBoolean:
      return "boolean";
    case ColumnType::kTime:
      return "time";
    case ColumnType::kJson:
      return "json";
  }
  return "";
}

TableForm::TableForm(RecordType type) : record_type_(type) {
  for (const StandardColumn& column : StandardColumns(type)) {
    columns_.push_back({std::string(column.name), column.type});
  }
  standard_columns_ = columns_.size();
}

absl::StatusOr<TableForm> TableForm::Make(RecordType type, std::vector<std::string> extra_columns) {
  TableForm form(type);
  absl::flat_hash_set<std::string> names;
  for (const Column& column : form.columns_) names.insert(column.name);
  for (const std::string& spec : extra_columns) {
    ASSIGN_OR_RETURN(Column column, ParseColumn(spec));
    if (!names.insert(column.name).second) {
      return absl::InvalidArgumentError(StrCat("column \"", spec, "\": the table of ",
                                               PluralOf(type), " already has a column \"",
                                               column.name, "\""));
    }
    form.columns_.push_back(std::move(column));
  }
  return form;
}

}  // namespace millrace
