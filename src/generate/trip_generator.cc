#include "generate/trip_generator.h"

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr absl::Duration kSpan = absl::Hours(24 * 7 * 13);

absl::StatusOr<int> HexDigits(int partitions) {
  for (int digits = 0; digits <= 4; ++digits) {
    if (partitions == 1 << 4 * digits) return digits;
  }
  return absl::InvalidArgumentError(
      StrCat("partitions must be 1, 16, 256, 4096 or 65536, not ", partitions));
}

}  // namespace

absl::StatusOr<GenerateReport> GenerateTrips(const GenerateTripsOptions& options,
                                             std::stop_token stop,
                                             const GenerateProgress& progress) {
  const SampleFiles files = {
      .stem = "trips",
      .rows = options.rows,
      .output = options.output,
      .formats = options.formats,
      .files = options.files,
      .replace = options.replace,
  };
  RETURN_IF_ERROR(CheckSampleFiles(files));
  RETURN_IF_ERROR(CheckReplaces(files, SamplePaths(files)));
  if (options.users > options.rows) {
    return absl::InvalidArgumentError(
        "users must not exceed rows: each user makes at least one trip");
  }
  ASSIGN_OR_RETURN(const int hex_digits, HexDigits(options.partitions));
  TripModel model({
      .seed = options.seed,
      .rows = options.rows,
      .users = options.users > 0 ? options.users : std::max<uint64_t>(1, options.rows / 25),
      .ids = options.ids,
      .hex_digits = hex_digits,
      .begin_us = absl::ToUnixMicros(options.end - kSpan),
      .end_us = absl::ToUnixMicros(options.end),
  });
  return WriteSampleFiles(files, model, std::move(stop), progress);
}

}  // namespace millrace
