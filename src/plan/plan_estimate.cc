#include "plan/plan_estimate.h"

#include <algorithm>

#include "pipeline/run.h"
#include "plan/plan.h"

namespace millrace {
namespace {

// The program, its libraries, a reader with its buffers, and the ledger: measured with small files.
constexpr uint64_t kFixedBytes = 60'000'000;

}  // namespace

void RowDensity::Measure(uint64_t rows, uint64_t byte, uint64_t raw_bytes) {
  if (!compressed_) {
    last_ = {rows, byte};
    return;
  }
  if (raw_bytes == last_.bytes) return;
  last_ = {rows, raw_bytes};
  if (!begun_) first_ = last_;
  begun_ = true;
}

double RowDensity::rows_per_byte() const {
  const bool two_points = last_.bytes > first_.bytes && last_.rows > first_.rows;
  const Point from = two_points ? first_ : Point();
  if (last_.bytes == from.bytes) return 0;
  return static_cast<double>(last_.rows - from.rows) /
         static_cast<double>(last_.bytes - from.bytes);
}

RowEstimate RowsFrom(const SampledExtent& extent) {
  if (extent.known_rows > 0) {
    const uint64_t before = std::min(extent.rows_before, extent.known_rows);
    return {static_cast<double>(extent.known_rows - before), true};
  }
  const auto rows = static_cast<double>(extent.rows);
  if (extent.ended || extent.rows == 0) return {rows, extent.ended};
  const double all = extent.rows_per_byte * static_cast<double>(extent.object_bytes);
  return {std::max(rows, all - static_cast<double>(extent.rows_before)), false};
}

double SecondsAtQuota(const Amounts& amounts, double events_per_second, double bytes_per_second) {
  const double by_events = events_per_second > 0 ? amounts.events / events_per_second : 0;
  const double by_bytes = bytes_per_second > 0 ? amounts.bytes / bytes_per_second : 0;
  return std::max(by_events, by_bytes);
}

uint64_t PeakMemory(const RunOptions& run, uint64_t chunk_bytes) {
  const uint64_t wanted = chunk_bytes * static_cast<uint64_t>(std::max(1, run.max_writes));
  return kFixedBytes + std::max(chunk_bytes, std::min<uint64_t>(wanted, run.max_bytes));
}

}  // namespace millrace
