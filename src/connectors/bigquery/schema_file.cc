#include "connectors/bigquery/schema_file.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/json_parse.h"
#include "base/printable.h"
#include "base/strings.h"
#include "records/standard_columns.h"

namespace millrace::bigquery {
namespace {

using nlohmann::json;

// Names of types, and what columns= calls them.
constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
    {"STRING", "text"},  {"INTEGER", "integer"}, {"INT64", "integer"},
    {"FLOAT", "number"}, {"FLOAT64", "number"},  {"BOOLEAN", "boolean"},
    {"BOOL", "boolean"}, {"TIMESTAMP", "time"},  {"JSON", "json"}};
constexpr size_t kMaxShown = 100;

absl::Status Invalid(std::string_view what) {
  return absl::InvalidArgumentError(std::string(what));
}

std::optional<std::string> TextOf(const json& field, const char* member) {
  const auto found = field.is_object() ? field.find(member) : field.end();
  if (!field.is_object() || found == field.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

bool IsStandard(RecordType type, std::string_view name) {
  const auto columns = StandardColumns(type);
  return std::any_of(columns.begin(), columns.end(), [&](const StandardColumn& column) {
    return absl::EqualsIgnoreCase(ToAbsl(column.name), ToAbsl(name));
  });
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ColumnsOfSchema(std::string_view text, RecordType type) {
  const std::optional<json> schema = ParseJson(text);
  if (!schema || !schema->is_array()) {
    return Invalid("it should be a list of columns, as `bq show --schema` prints it");
  }
  std::vector<std::string> columns;
  for (const json& field : *schema) {
    const std::optional<std::string> name = TextOf(field, "name");
    if (!name) return Invalid("each column should have a name");
    if (IsStandard(type, *name)) continue;
    const std::string column = Printable(Shorten(*name, kMaxShown));
    const std::string kind = absl::AsciiStrToUpper(TextOf(field, "type").value_or(""));
    const auto known = std::find_if(std::begin(kTypes), std::end(kTypes),
                                    [&](const auto& one) { return one.first == kind; });
    if (known == std::end(kTypes)) {
      return Invalid(StrCat("the column ", column, " has the type ",
                            Printable(Shorten(kind, kMaxShown)),
                            ": properties are written as STRING, INTEGER, FLOAT, BOOLEAN, "
                            "TIMESTAMP or JSON"));
    }
    const std::string mode = absl::AsciiStrToUpper(TextOf(field, "mode").value_or("NULLABLE"));
    if (mode != "NULLABLE") {
      return Invalid(StrCat("the column ", column, " is ", Printable(Shorten(mode, kMaxShown)),
                            ", and a record may have no value for it: write NULLABLE"));
    }
    columns.push_back(StrCat(*name, ":", known->second));
  }
  return columns;
}

}  // namespace millrace::bigquery
