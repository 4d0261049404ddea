// A batch as rows of AppendRows requests, with what is needed to find a source row by its place in
// a request.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_APPEND_BATCH_H_
#define MILLRACE_CONNECTORS_BIGQUERY_APPEND_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/batch.h"
#include "base/byte_buffer.h"
#include "pipeline/sink.h"
#include "records/table_form.h"
#include "records/table_reader.h"

namespace millrace::bigquery {

// What the rows of one request may take, with their tags and lengths. The service takes 10 MB with
// the schema and the names.
inline constexpr size_t kMaxRequestBytes = 8 << 20;

struct RequestFormat {
  size_t max_bytes = kMaxRequestBytes;
  size_t max_rows = SIZE_MAX;  // rows that stand or fall together may exceed it
  // Appends a row as it is in a request; null: as a protobuf message (row_encoder.h).
  std::function<void(TableRow row, ByteBuffer& out)> encode;
};

// A row of the batch becomes any number of table rows: an update of a profile has one for each
// operation, a row that is refused none. Rows that stand or fall together are in one request. One
// thread at a time; keeps its buffers.
class AppendBatch {
 public:
  // `form` outlives it.
  explicit AppendBatch(const TableForm& form, size_t max_request_bytes = kMaxRequestBytes)
      : AppendBatch(form, RequestFormat{.max_bytes = max_request_bytes}) {}
  AppendBatch(const TableForm& form, RequestFormat format);

  // Encodes `batch`. Rows that BigQuery cannot hold are refused, and with them those of the same
  // source row. If `spans` is empty, each row stands alone.
  void Encode(const Batch& batch, absl::Span<const BatchSpan> spans, absl::Time insert_time);

  // The rows of the next request; empty once all are appended or refused.
  size_t request_rows() const { return request_.size(); }
  std::string_view request_row(size_t i) const;

  // The rows of the request are in the stream; the next one follows.
  void Appended();
  // Row `i` of the request will never be accepted. After Retried() the request lacks it and those
  // that stand or fall with it.
  void Refuse(size_t i, std::string_view message, std::string_view field = "");
  void Retried() { FillRequest(); }

  // By row, ascending.
  std::vector<RefusedRow> TakeRefused();

  size_t bytes() const { return bytes_.size(); }

 private:
  struct Row {
    size_t end = 0;    // of its bytes
    size_t group = 0;  // of groups_
  };
  struct Group {
    RowRange source;  // in the batch
    size_t end = 0;   // of its rows in rows_
    bool refused = false;
  };
  bool Append(std::string_view record, absl::Time insert_time, RefusedRow& why);
  size_t begin(size_t row) const { return row == 0 ? 0 : rows_[row - 1].end; }
  void FillRequest();

  const TableForm& form_;
  const RequestFormat format_;
  TableReader reader_;
  std::vector<TableRow> table_rows_;
  ByteBuffer bytes_;
  std::vector<Row> rows_;
  std::vector<Group> groups_;
  std::vector<RefusedRow> refused_;
  size_t next_group_ = 0;        // the first that no request before this one had
  size_t end_group_ = 0;         // of the request
  std::vector<size_t> request_;  // of rows_
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_APPEND_BATCH_H_
