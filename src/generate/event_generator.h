// Sample data: seeded, realistic product-analytics events, the same rows in every format.
#ifndef MILLRACE_GENERATE_EVENT_GENERATOR_H_
#define MILLRACE_GENERATE_EVENT_GENERATOR_H_

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "formats/row_reader.h"
#include "generate/sample_files.h"

namespace millrace {

struct GenerateEventsOptions {
  uint64_t rows = 1'000'000;
  uint64_t seed = 1;
  std::string output;             // a folder; created if missing
  std::vector<FileType> formats;  // of kParquet, kNdjson, kCsv; empty means all three
  int files = 1;                  // per format; the rows are split evenly, in order
  bool replace = false;           // existing files, including sources.json, instead of an error
  // The events are in the 30 days before `end`. Fixed, so that a seed always gives the same rows.
  absl::Time end = absl::FromUnixSeconds(1'793'491'200);  // 2026-11-01T00:00:00Z
};

// Writes events-00000.parquet, events-00000.ndjson.gz, events-00000.csv, ... and a sources.json
// that maps them, with prefixes relative to its own folder, so that the folder can be moved.
// Folders are those of SamplePaths().
//
// The rows depend on rows, seed and end only. The bytes do too, for the same version of the program
// and its libraries.
//
// InvalidArgument for invalid options; AlreadyExists, before anything is written, for an existing
// file that must not be replaced; Cancelled if `stop` was requested; others from the file system.
// After an error the unfinished file is removed.
absl::StatusOr<GenerateReport> GenerateEvents(const GenerateEventsOptions& options,
                                              std::stop_token stop,
                                              const GenerateProgress& progress = nullptr);

}  // namespace millrace

#endif  // MILLRACE_GENERATE_EVENT_GENERATOR_H_
