// A batch as the data of a COPY, with what is needed to find a row by its line.
#ifndef MILLRACE_CONNECTORS_POSTGRES_COPY_BATCH_H_
#define MILLRACE_CONNECTORS_POSTGRES_COPY_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/batch.h"
#include "base/byte_buffer.h"
#include "connectors/postgres/copy_text.h"
#include "connectors/postgres/target_table.h"
#include "pipeline/sink.h"
#include "records/flat_writer.h"
#include "records/table_reader.h"

namespace millrace::postgres {

// A batch row becomes any number of lines: an update of a profile has one for each operation, a row
// that is refused none. One thread at a time; keeps its buffers.
class CopyBatch {
 public:
  // `table` must outlive this object.
  explicit CopyBatch(const TargetTable& table);

  // Encodes `batch`, which must stay as it is while this object is used. Rows that the database
  // cannot hold are refused, and with them those of the same source row. If `spans` is empty, each
  // row stands alone.
  void Encode(const Batch& batch, absl::Span<const BatchSpan> spans, absl::Time insert_time);

  // Ascending.
  const std::vector<RefusedRow>& refused() const { return refused_; }
  // The days of the rows' event_time since 1970-01-01, without repeats, if the table is
  // partitioned.
  const std::vector<int32_t>& days() const { return days_; }

  size_t rows() const { return rows_.size(); }
  std::string_view bytes(RowRange rows) const {
    return bytes_.view(begin(rows.begin).byte, begin(rows.end).byte);
  }
  uint64_t lines(RowRange rows) const { return begin(rows.end).line - begin(rows.begin).line; }
  bool has_lines(RowRange rows) const { return lines(rows) > 0; }
  // The row of line `line`, from 0, of bytes(rows).
  size_t RowOfLine(RowRange rows, uint64_t line) const;
  // The rows that stand or fall together with `row`.
  RowRange GroupOf(size_t row) const;

  // Adds the rows of the group of `row` to `refused`: `row` with `why`, the others because of it.
  void RefuseGroup(size_t row, const RefusedRow& why, std::vector<RefusedRow>& refused) const;

 private:
  struct Place {
    size_t byte = 0;
    uint64_t line = 0;
  };
  struct Row {
    Place end;
    size_t group = 0;  // the first row of it
  };
  Place begin(size_t row) const { return row == 0 ? Place() : rows_[row - 1].end; }
  // The lines that were added; 0 with `why` set if the row is refused.
  size_t AppendRecord(std::string_view record, absl::Time insert_time, RefusedRow& why);
  size_t AppendTableRows(std::string_view record, absl::Time insert_time, RefusedRow& why);
  size_t AppendFlatRows(std::string_view record, absl::Time insert_time, RefusedRow& why);
  bool AppendJsonRow(std::string_view json, absl::Time insert_time, RefusedRow& why);
  void AppendCell(const Column& column, const Cell& cell);

  const TargetTable& table_;
  std::unique_ptr<TableReader> table_reader_;
  std::unique_ptr<FlatWriter> flat_writer_;
  CopyTimeWriter event_time_;
  CopyTimeWriter insert_time_;
  ByteBuffer bytes_;
  ByteBuffer flat_;
  std::vector<Row> rows_;
  std::vector<TableRow> table_rows_;
  std::vector<RefusedRow> refused_;
  std::vector<int32_t> days_;
};

}  // namespace millrace::postgres

#endif  // MILLRACE_CONNECTORS_POSTGRES_COPY_BATCH_H_
