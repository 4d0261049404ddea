// Pruning by time: the partitions and files that may contain rows of a time range.
#ifndef MILLRACE_ICEBERG_TIME_RANGE_H_
#define MILLRACE_ICEBERG_TIME_RANGE_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/types/span.h"
#include "iceberg/manifest.h"
#include "iceberg/table_metadata.h"

namespace millrace {

// Microseconds since 1970; rows of [from, to) are requested.
struct TimeRange {
  std::optional<int64_t> from;
  std::optional<int64_t> to;
  bool is_open() const { return !from && !to; }
};

// True if a partition with this value of `transform` (hour, day, month, year or identity) of the
// time may contain requested rows; true for other transforms. Partitions of null values contain
// none: their time is null.
bool MayHold(const TimeRange& range, std::string_view transform, const PartitionValue& value);

// Whether a manifest, by its partition summaries, or a file, by its partition and its bounds of the
// column, may contain requested rows. `column` is the id of the time column.
bool MayHold(const TimeRange& range, int32_t column, absl::Span<const IcebergPartitionField> spec,
             const ManifestInfo& manifest);
bool MayHold(const TimeRange& range, int32_t column, absl::Span<const IcebergPartitionField> spec,
             const ManifestEntry& entry);

// True if the statistics of a file show that all its rows are requested.
bool HoldsOnly(const TimeRange& range, int32_t column, const ManifestEntry& entry);

}  // namespace millrace

#endif  // MILLRACE_ICEBERG_TIME_RANGE_H_
