#include "connectors/mixpanel/request_split.h"

#include <algorithm>

namespace millrace::mixpanel {

RowRange FirstRequest(const Batch& batch, RowRange rows, const RequestLimits& limits) {
  const size_t start = batch.start(rows.begin);
  const size_t max_end = std::min(rows.end, rows.begin + std::max<size_t>(1, limits.rows));
  size_t end = rows.begin + 1;
  while (end < max_end &&
         batch.row_ends[end] - start + (end + 1 - rows.begin) * limits.added_row_bytes <=
             limits.bytes) {
    ++end;
  }
  return {rows.begin, end};
}

std::string_view Bytes(const Batch& batch, RowRange rows) {
  return batch.bytes.view(batch.start(rows.begin), batch.row_ends[rows.end - 1]);
}

std::pair<RowRange, RowRange> Halves(RowRange rows) {
  const size_t middle = rows.begin + rows.size() / 2;
  return {{rows.begin, middle}, {middle, rows.end}};
}

size_t LimitAfterTooLarge(size_t refused, size_t named) {
  size_t limit = refused > kFallbackBytes ? kFallbackBytes : refused / 2;
  if (named > 0 && named < refused) limit = named;
  return std::max(limit, kMinBytesLimit);
}

}  // namespace millrace::mixpanel
