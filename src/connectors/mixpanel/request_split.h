// Splits a batch into requests that Mixpanel accepts, before a byte is sent. Pure. BatchProgress
// decides how often a refused range may be split further.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_REQUEST_SPLIT_H_
#define MILLRACE_CONNECTORS_MIXPANEL_REQUEST_SPLIT_H_

#include <cstddef>
#include <utility>

#include "base/batch.h"

namespace millrace::mixpanel {

struct RequestLimits {
  size_t rows = 0;
  size_t bytes = 0;            // uncompressed
  size_t added_row_bytes = 0;  // what the request adds to each row
};

// The maximum number of rows from the front of `rows`, which is not empty, that fit one request; at
// least one, because Mixpanel itself refuses a single row that is too large.
RowRange FirstRequest(const Batch& batch, RowRange rows, const RequestLimits& limits);

// The bytes of `rows`, line ends included.
std::string_view Bytes(const Batch& batch, RowRange rows);

// Both halves of a range of two rows or more.
std::pair<RowRange, RowRange> Halves(RowRange rows);

inline constexpr size_t kFallbackBytes = 2'000'000;  // Mixpanel's older limit, and its proxies'
inline constexpr size_t kMinBytesLimit = 64 << 10;

// The next limit after a 413 to `refused` bytes; `named` is the limit in the response, 0 if none.
// Never below kMinBytesLimit: a request refused below it is split by rows.
size_t LimitAfterTooLarge(size_t refused, size_t named);

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_REQUEST_SPLIT_H_
