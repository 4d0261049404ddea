// Cuts rows into requests of Snowpipe Streaming.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_APPEND_ROWS_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_APPEND_ROWS_H_

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "base/batch.h"
#include "base/byte_buffer.h"
#include "connectors/snowflake/json_rows.h"
#include "connectors/snowflake/pipe_client.h"
#include "io/zstd_encoder.h"

namespace millrace::snowflake {

// The first rows of `rows`, which come from one object and are rows of `batch` and `encoded`, that
// fit into a request as far as can be told before they are compressed. Rows of one source row stay
// together.
RowRange FirstPart(const Batch& batch, const JsonRows& encoded, RowRange rows);
// The first half of such rows; all of them if they come from one source row.
RowRange FirstHalf(const Batch& batch, RowRange rows);

// Compresses bodies of requests. One thread at a time; keeps its buffers.
class BodyEncoder {
 public:
  // The rows that are not refused, as a body, which is valid until the next call.
  absl::StatusOr<AppendBody> Encode(const JsonRows& encoded, RowRange rows);

 private:
  ZstdEncoder zstd_{1};
  ByteBuffer bytes_;
};

// Why rows of one source row are refused that do not fit into a request.
RefusedRow TooLarge(size_t row);

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_APPEND_ROWS_H_
