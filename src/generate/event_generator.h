// Sample data: seeded, realistic product-analytics events, the same rows in every format.
#ifndef MILLRACE_GENERATE_EVENT_GENERATOR_H_
#define MILLRACE_GENERATE_EVENT_GENERATOR_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "formats/row_reader.h"

namespace millrace {

struct GenerateEventsOptions {
  uint64_t rows = 1'000'000;
  uint64_t seed = 1;
  std::string output;             // a folder; made if missing
  std::vector<FileType> formats;  // of kParquet, kNdjson, kCsv; empty means all three
  int files = 1;                  // per format; the rows are split evenly, in order
  // The events lie in the 30 days before `end`. Fixed, so that a seed always gives the same rows.
  absl::Time end = absl::FromUnixSeconds(1'793'491'200);  // 2026-11-01T00:00:00Z
};

struct GenerateReport {
  uint64_t rows = 0;               // per format
  uint64_t bytes = 0;              // of all files
  std::vector<std::string> files;  // paths, in the order they were written
  std::string sources_json;        // path of the matching mapping
};

// Called about every 10,000 rows with the rows written so far and in all, over all formats.
using GenerateProgress = std::function<void(uint64_t done, uint64_t total)>;

// Writes events-00000.parquet, events-00000.ndjson.gz, events-00000.csv, ... and a sources.json
// that maps them, its prefixes relative to its own folder, so that the folder can be moved. With
// one format the files lie in `output`; with several, each format has a folder of its own there
// (parquet/, ndjson/, csv/). Files of the same names are replaced, each once it is complete.
//
// The rows depend on rows, seed and end alone. The bytes do too, for the same version of the
// program and its libraries.
//
// InvalidArgument for options that make no sense; Cancelled if `stop` was requested; others as of
// the file system. After an error the unfinished file is removed.
absl::StatusOr<GenerateReport> GenerateEvents(const GenerateEventsOptions& options,
                                              std::stop_token stop,
                                              const GenerateProgress& progress = nullptr);

}  // namespace millrace

#endif  // MILLRACE_GENERATE_EVENT_GENERATOR_H_
