// Records to table rows and flat rows. The first byte of the input chooses the type of the record.
// Whatever one form accepts, the other does, except times that have no flat text; JSON that comes
// out is valid, on one line, and repeats no key at its top level.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "records/dialect.h"
#include "records/flat_writer.h"
#include "records/table_reader.h"
#include "require.h"

namespace millrace {
namespace {

// Aborts unless `text` is an object of different keys.
void RequireObject(std::string_view text) {
  std::set<std::string> keys;
  const auto check = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (event == nlohmann::json::parse_event_t::key && depth == 1) {
      Require(keys.insert(parsed.get<std::string>()).second);
    }
    return true;
  };
  Require(nlohmann::json::parse(text, check, /*allow_exceptions=*/false).is_object());
}

void CheckRow(const TableForm& form, TableRow row) {
  Require(row.size() == form.columns().size());
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i].is_null) continue;
    const Column& column = form.columns()[i];
    if (column.name == "properties") {
      RequireObject(row[i].text);
    } else if (column.type == ColumnType::kJson || column.type == ColumnType::kNumber) {
      Require(nlohmann::json::accept(row[i].text));
    }
  }
  (void)FindMisfit(kPostgresDialect, form, row);
}

// Returns how many lines there are.
size_t CheckLines(std::string_view lines) {
  size_t count = 0;
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    Require(end != std::string_view::npos);
    RequireObject(lines.substr(0, end));
    lines.remove_prefix(end + 1);
    ++count;
  }
  return count;
}

void Check(RecordType type, std::string_view record) {
  const TableForm form =
      *TableForm::Make(type, {"x", "a:json", "n:number", "i:integer", "b:boolean", "t:time"});
  TableReader reader(form);
  FlatWriter writer(type);
  std::vector<TableRow> rows;
  ByteBuffer flat;
  const absl::Status table = reader.Read(record, absl::UnixEpoch(), rows);
  Require(table.ok() != rows.empty());
  for (const TableRow& row : rows) CheckRow(form, row);
  const absl::StatusOr<size_t> lines = writer.Append(record, flat);
  if (lines.ok()) {
    Require(*lines == rows.size() && CheckLines(flat.view()) == *lines);
  } else {
    Require(flat.empty());
    Require(!table.ok() || lines.status().message().find("years") != absl::string_view::npos);
  }
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  if (size == 0) return 0;
  const RecordType type = kAllRecordTypes[data[0] % std::size(kAllRecordTypes)];
  Check(type, {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
