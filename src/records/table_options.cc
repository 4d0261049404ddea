#include "records/table_options.h"

#include <optional>
#include <set>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "records/table_form.h"

namespace millrace {

absl::Status CheckName(std::string_view what, std::string_view name, size_t max) {
  if (name.empty()) return absl::InvalidArgumentError(StrCat(what, " has no name"));
  if (!IsWellFormedUtf8(name) || name.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError(StrCat("the name of ", what, " is not UTF-8 text"));
  }
  if (name.size() <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("the name of ", what, " is longer than ", max, " bytes: ", Shorten(name, 40)));
}

absl::StatusOr<TableNames> TakeTableNames(UriQuery& query) {
  TableNames names;
  for (const RecordType type : kAllRecordTypes) {
    if (auto name = query.Take(PluralOf(type))) names[type] = *std::move(name);
  }
  if (auto table = query.Take("table");
      table && !names.emplace(RecordType::kEvent, *std::move(table)).second) {
    return absl::InvalidArgumentError("table= is the table of events, as events= is: name one");
  }
  if (names.empty()) {
    for (const RecordType type : kAllRecordTypes) names[type] = PluralOf(type);
  }
  return names;
}

absl::StatusOr<TableNames> TakeTableNames(UriQuery& query, const NameRule& rule) {
  ASSIGN_OR_RETURN(TableNames names, TakeTableNames(query));
  std::set<std::string> known;
  for (auto& [type, name] : names) {
    absl::StatusOr<std::string> named = rule(name);
    RETURN_IF_ERROR(Annotate(named.status(), StrCat("the table of ", PluralOf(type))));
    name = *std::move(named);
    if (known.insert(name).second) continue;
    return absl::InvalidArgumentError(StrCat("table ", name, " is named twice"));
  }
  return names;
}

absl::StatusOr<bool> TakeViews(UriQuery& query) {
  const std::string views = query.Take("views").value_or("true");
  if (views == "true" || views == "false") return views == "true";
  return absl::InvalidArgumentError("views is true or false");
}

absl::Status CheckTableColumns(const TableNames& tables,
                               const std::vector<std::string>& extra_columns, const NameRule& rule,
                               std::string_view why) {
  for (const auto& [type, table] : tables) {
    const absl::StatusOr<TableForm> form = TableForm::Make(type, extra_columns);
    RETURN_IF_ERROR(Annotate(form.status(), "columns="));
    std::set<std::string> names;
    for (const Column& column : form->columns()) {
      ASSIGN_OR_RETURN(const std::string name, rule(column.name));
      if (names.insert(name).second) continue;
      return absl::InvalidArgumentError(StrCat("columns= names ", column.name,
                                               ", which is a column of the table already: ", why));
    }
  }
  return absl::OkStatus();
}

}  // namespace millrace
