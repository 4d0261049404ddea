#include "connectors/bigquery/insert_row.h"

#include "absl/time/time.h"
#include "base/json_writer.h"

namespace millrace::bigquery {

void AppendInsertRow(const TableForm& form, std::string_view batch, uint64_t number, TableRow row,
                     ByteBuffer& out) {
  out.Append(R"({"insertId":")");
  out.Append(batch);
  out.Append('-');
  AppendJsonInt(out, static_cast<int64_t>(number));
  out.Append(R"(","json":)");
  char before = '{';
  for (size_t i = 0; i < row.size(); ++i) {
    const Cell& cell = row[i];
    if (cell.is_null) continue;
    const Column& column = form.columns()[i];
    out.Append(before);
    before = ',';
    AppendJsonString(out, column.name);
    out.Append(':');
    switch (column.type) {
      case ColumnType::kText:
      case ColumnType::kJson:
        AppendJsonString(out, cell.text);
        break;
      case ColumnType::kNumber:
        out.Append(cell.text);
        break;
      case ColumnType::kInteger:
        out.Append('"');
        AppendJsonInt(out, cell.integer);
        out.Append('"');
        break;
      case ColumnType::kBoolean:
        out.Append(cell.integer != 0 ? "true" : "false");
        break;
      case ColumnType::kTime:
        out.Append('"');
        out.Append(absl::FormatTime("%E4Y-%m-%d %H:%M:%E6S UTC", absl::FromUnixMicros(cell.integer),
                                    absl::UTCTimeZone()));
        out.Append('"');
        break;
    }
  }
  if (before == '{') out.Append('{');
  out.Append("}}");
}

}  // namespace millrace::bigquery
