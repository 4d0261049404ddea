// Cutting a batch into requests that Mixpanel takes, before a byte is sent. Pure. How often a range
// that was refused may be cut further is BatchProgress's to decide.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_REQUEST_SPLIT_H_
#define MILLRACE_CONNECTORS_MIXPANEL_REQUEST_SPLIT_H_

#include <cstddef>
#include <utility>

#include "base/batch.h"

namespace millrace::mixpanel {

// Rows [begin, end) of a batch: always consecutive, so a request is a view of the batch's bytes.
struct RowRange {
  size_t begin = 0;
  size_t end = 0;

  size_t size() const { return end - begin; }
  friend bool operator==(const RowRange&, const RowRange&) = default;
};

struct RequestLimits {
  size_t rows = 0;
  size_t bytes = 0;            // uncompressed
  size_t added_row_bytes = 0;  // what the request adds to each row
};

// The most rows from the front of `rows`, which is not empty, that fit one request; at least one,
// as a single row that is too large is Mixpanel's to refuse.
RowRange FirstRequest(const Batch& batch, RowRange rows, const RequestLimits& limits);

// The bytes of `rows`, line ends included.
std::string_view Bytes(const Batch& batch, RowRange rows);

// Both halves of a range of two rows or more.
std::pair<RowRange, RowRange> Halves(RowRange rows);

inline constexpr size_t kFallbackBytes = 2'000'000;  // Mixpanel's older limit, and its proxies'
inline constexpr size_t kMinBytesLimit = 64 << 10;

// The limit to go on with after a 413 to `refused` bytes; `named` is the limit that the answer
// named, 0 if none. Never below kMinBytesLimit: what is refused below it is split by rows.
size_t LimitAfterTooLarge(size_t refused, size_t named);

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_REQUEST_SPLIT_H_
