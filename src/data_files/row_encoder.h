// Turns records into rows of files and decides to which partition each one belongs.
#ifndef MILLRACE_DATA_FILES_ROW_ENCODER_H_
#define MILLRACE_DATA_FILES_ROW_ENCODER_H_

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "base/byte_buffer.h"
#include "data_files/file_layout.h"
#include "data_files/path_template.h"
#include "pipeline/sink.h"
#include "records/table_form.h"

namespace millrace::data_files {

// Rows of a batch, one after another; those of NDJSON files are lines, those of Parquet files cells
// (packed_row.h).
struct EncodedRows {
  struct Row {
    PathTemplate::Partition partition = 0;
    size_t end = 0;  // in bytes
  };
  ByteBuffer bytes;
  std::vector<Row> rows;

  void clear() {
    bytes.clear();
    rows.clear();
  }
  // Drops what was added since there were `count` rows.
  void Truncate(size_t count) {
    rows.resize(count);
    bytes.Truncate(count == 0 ? 0 : rows.back().end);
  }
  std::string_view row(size_t i) const {
    return bytes.view(i == 0 ? 0 : rows[i - 1].end, rows[i].end);
  }
};

// One thread at a time; keeps its buffers.
class RowEncoder {
 public:
  virtual ~RowEncoder() = default;
  // Adds the rows of `record`, which arrives now: one for an event, one for each operation of an
  // update. False, with `why` but for its row, if the files cannot hold it; `to` may then have some
  // of its rows.
  virtual bool Append(std::string_view record, absl::Time now, EncodedRows& to,
                      RefusedRow& why) = 0;
};

// Both arguments outlive it.
std::unique_ptr<RowEncoder> NewRowEncoder(const FileLayout& layout, const TableForm& form);

}  // namespace millrace::data_files

#endif  // MILLRACE_DATA_FILES_ROW_ENCODER_H_
