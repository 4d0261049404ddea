#include "iceberg/time_range.h"

#include <cstring>
#include <string>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace millrace {
namespace {

// The transformed value of a time (Iceberg specification, "Partition Transforms"); nullopt for a
// transform that does not preserve the order of times.
std::optional<int64_t> Transformed(std::string_view transform, int64_t micros) {
  if (transform == "identity") return micros;
  const absl::Time time = absl::FromUnixMicros(micros);
  const absl::CivilSecond civil = absl::ToCivilSecond(time, absl::UTCTimeZone());
  if (transform == "hour") return absl::CivilHour(civil) - absl::CivilHour(1970);
  if (transform == "day") return absl::CivilDay(civil) - absl::CivilDay(1970);
  if (transform == "month") return absl::CivilMonth(civil) - absl::CivilMonth(1970);
  if (transform == "year") return absl::CivilYear(civil) - absl::CivilYear(1970);
  return std::nullopt;
}

// True unless all of [least, most] is outside. Old writers round values before 1970 towards zero,
// which is one too much.
bool Overlaps(const TimeRange& range, std::string_view transform, std::optional<int64_t> min,
              std::optional<int64_t> max) {
  if (range.from && max) {
    const auto first = Transformed(transform, *range.from);
    if (first && *max < *first) return false;
  }
  if (range.to && min) {
    auto last = Transformed(transform, *range.to - 1);
    if (last && transform != "identity" && *last < 0) ++*last;
    if (last && *min > *last) return false;
  }
  return true;
}

// Bounds are stored little-endian in 4 or 8 bytes.
std::optional<int64_t> Stored(const std::optional<std::string>& bytes) {
  if (!bytes) return std::nullopt;
  if (bytes->size() == sizeof(int32_t)) {
    int32_t value;
    std::memcpy(&value, bytes->data(), sizeof value);
    return value;
  }
  if (bytes->size() != sizeof(int64_t)) return std::nullopt;
  int64_t value;
  std::memcpy(&value, bytes->data(), sizeof value);
  return value;
}

std::optional<int64_t> BoundOf(const std::map<int32_t, std::string>& bounds, int32_t column) {
  const auto found = bounds.find(column);
  if (found == bounds.end()) return std::nullopt;
  return Stored(found->second);
}

}  // namespace

bool MayHold(const TimeRange& range, std::string_view transform, const PartitionValue& value) {
  if (range.is_open() || !Transformed(transform, 0)) return true;
  if (value.is_null) return false;
  return Overlaps(range, transform, value.integer, value.integer);
}

bool MayHold(const TimeRange& range, int32_t column, absl::Span<const IcebergPartitionField> spec,
             const ManifestInfo& manifest) {
  for (size_t i = 0; i < spec.size() && i < manifest.partitions.size(); ++i) {
    const PartitionSummary& summary = manifest.partitions[i];
    if (spec[i].source_id == column &&
        !Overlaps(range, spec[i].transform, Stored(summary.lower), Stored(summary.upper))) {
      return false;
    }
  }
  return true;
}

bool MayHold(const TimeRange& range, int32_t column, absl::Span<const IcebergPartitionField> spec,
             const ManifestEntry& entry) {
  for (size_t i = 0; i < spec.size() && i < entry.partition.size(); ++i) {
    if (spec[i].source_id == column && !MayHold(range, spec[i].transform, entry.partition[i])) {
      return false;
    }
  }
  return Overlaps(range, "identity", BoundOf(entry.lower_bounds, column),
                  BoundOf(entry.upper_bounds, column));
}

bool HoldsOnly(const TimeRange& range, int32_t column, const ManifestEntry& entry) {
  if (range.is_open()) return true;
  const auto nulls = entry.null_counts.find(column);
  if (nulls == entry.null_counts.end() || nulls->second != 0) return false;
  const std::optional<int64_t> first = BoundOf(entry.lower_bounds, column);
  const std::optional<int64_t> last = BoundOf(entry.upper_bounds, column);
  return first && last && (!range.from || *first >= *range.from) &&
         (!range.to || *last < *range.to);
}

}  // namespace millrace
