// Sample data: seeded, realistic trips, the same rows in every format.
#ifndef MILLRACE_GENERATE_TRIP_GENERATOR_H_
#define MILLRACE_GENERATE_TRIP_GENERATOR_H_

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "formats/row_reader.h"
#include "generate/sample_files.h"
#include "generate/trip_model.h"

namespace millrace {

struct GenerateTripsOptions {
  uint64_t rows = 1'000'000;
  uint64_t seed = 1;
  std::string output;  // a folder; created if missing
  std::vector<FileType> formats = {FileType::kParquet};
  int files = 1;
  bool replace = false;  // existing files, instead of an error
  uint64_t users = 0;    // 0: a user per 25 trips
  TripUserIds ids = TripUserIds::kUuid;
  int partitions = 65'536;  // of UUIDs by their first four digits: 1, 16, 256, 4096 or 65536
  // The trips start in the 13 weeks before `end`. Fixed, so that a seed always gives the same rows.
  absl::Time end = absl::FromUnixSeconds(1'793'491'200);  // 2026-11-01T00:00:00Z
};

// Writes trips-00000.parquet, ..., in the folders of SamplePaths(). The rows depend on the options
// only, not on format or files. Statuses as for GenerateEvents.
absl::StatusOr<GenerateReport> GenerateTrips(const GenerateTripsOptions& options,
                                             std::stop_token stop,
                                             const GenerateProgress& progress = nullptr);

}  // namespace millrace

#endif  // MILLRACE_GENERATE_TRIP_GENERATOR_H_
