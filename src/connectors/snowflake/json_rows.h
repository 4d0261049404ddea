// A batch as rows of a table in NDJSON, as Snowpipe Streaming takes it.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_JSON_ROWS_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_JSON_ROWS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/batch.h"
#include "base/byte_buffer.h"
#include "pipeline/sink.h"
#include "records/table_form.h"
#include "records/table_reader.h"

namespace millrace::snowflake {

// A batch row becomes any number of lines: an update of a profile has one for each operation, a row
// that is refused none. Nulls are left out. One thread at a time; keeps its buffers.
class JsonRows {
 public:
  // `columns`: the names of the form's in the table. `form` outlives this object.
  JsonRows(const TableForm& form, const std::vector<std::string>& columns);

  // Encodes `batch`. Rows that the table cannot hold are refused, and with them those of the same
  // source row. If `spans` is empty, each row stands alone.
  void Encode(const Batch& batch, absl::Span<const BatchSpan> spans, absl::Time insert_time);

  // Ascending.
  const std::vector<RefusedRow>& refused() const { return refused_; }
  bool is_refused(size_t row) const;
  // Refuses the rows of a group that was accepted until then: `group.begin` with `why`, the others
  // because of it.
  void Refuse(RowRange group, const RefusedRow& why);

  size_t rows() const { return ends_.size(); }
  std::string_view bytes(RowRange rows) const {
    return bytes_.view(start(rows.begin), start(rows.end));
  }

 private:
  size_t start(size_t row) const { return row == 0 ? 0 : ends_[row - 1]; }
  // False with `why` set if the row is refused.
  bool AppendRecord(std::string_view record, absl::Time insert_time, RefusedRow& why);
  // A key that an object in a JSON cell has twice, and its column; "" if there is none.
  std::string RepeatedKey(TableRow row, std::string& column) const;
  void AppendCell(ColumnType type, const Cell& cell);
  void AppendTime(int64_t micros);

  const TableForm& form_;
  std::vector<std::string> keys_;  // "EVENT": of each column
  TableReader reader_;
  ByteBuffer bytes_;
  std::vector<size_t> ends_;  // of each row in bytes_
  std::vector<RefusedRow> refused_;
  std::vector<TableRow> table_rows_;
  int64_t day_ = INT64_MIN;        // of the last time
  std::array<char, 16> day_text_;  // "2026-11-30 "
};

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_JSON_ROWS_H_
