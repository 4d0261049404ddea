#include "connectors/snowflake/append_rows.h"

#include "base/status.h"
#include "base/strings.h"

namespace millrace::snowflake {
namespace {

// The end of the rows that come from the source row of `row`.
size_t EndOfGroup(const Batch& batch, RowRange rows, size_t row) {
  size_t end = row + 1;
  while (end < rows.end && batch.source_rows[end] == batch.source_rows[row]) ++end;
  return end;
}

}  // namespace

RowRange FirstPart(const Batch& batch, const JsonRows& encoded, RowRange rows) {
  size_t end = rows.begin;
  while (end < rows.end) {
    const size_t next = EndOfGroup(batch, rows, end);
    const bool fits = encoded.bytes({rows.begin, next}).size() <= kMaxAppendRowBytes;
    if (!fits && end > rows.begin) break;
    end = next;
  }
  return {rows.begin, end};
}

RowRange FirstHalf(const Batch& batch, RowRange rows) {
  const size_t middle = rows.begin + rows.size() / 2;
  size_t end = rows.begin;
  while (end < middle || end == rows.begin) end = EndOfGroup(batch, rows, end);
  if (end < rows.end) return {rows.begin, end};
  // The last group reaches over the middle.
  size_t begin = rows.end - 1;
  while (begin > rows.begin && batch.source_rows[begin - 1] == batch.source_rows[begin]) --begin;
  return {rows.begin, begin > rows.begin ? begin : rows.end};
}

absl::StatusOr<AppendBody> BodyEncoder::Encode(const JsonRows& encoded, RowRange rows) {
  bytes_.clear();
  const std::string_view plain = encoded.bytes(rows);
  RETURN_IF_ERROR(zstd_.Append(plain, bytes_));
  return AppendBody{.compressed = bytes_.view(), .uncompressed_bytes = plain.size()};
}

RefusedRow TooLarge(size_t row) {
  return {.row = row,
          .code = "value_too_large",
          .field = {},
          .message = StrCat("the rows of one source row take more than ", kMaxAppendBytes,
                            " bytes after compression, which no request to Snowpipe Streaming may "
                            "have")};
}

}  // namespace millrace::snowflake
