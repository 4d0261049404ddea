// The files of one run of generated rows: their formats, number and names.
#ifndef MILLRACE_GENERATE_SAMPLE_FILES_H_
#define MILLRACE_GENERATE_SAMPLE_FILES_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "formats/row_reader.h"
#include "generate/row_maker.h"

namespace millrace {

struct SampleFiles {
  std::string_view stem;          // "events": events-00000.parquet, ...
  uint64_t rows = 0;              // 0 to rows-1 of the maker
  std::string output;             // a folder; created if missing
  std::vector<FileType> formats;  // of kParquet, kNdjson, kCsv; empty means all three
  int files = 1;                  // per format; the rows are split evenly, in order
  bool replace = false;           // existing files of the same names, instead of an error
};

struct SampleFormat {
  FileType type;
  std::string_view folder;
  std::string_view extension;
  std::string_view file_type;  // in sources.json
};

struct GenerateReport {
  uint64_t rows = 0;               // per format
  uint64_t bytes = 0;              // of all files
  std::vector<std::string> files;  // paths, in the order they were written
  std::string sources_json;        // events: path of the matching mapping
};

// Called about every 10,000 rows with the rows written so far and the total, over all formats.
using GenerateProgress = std::function<void(uint64_t done, uint64_t total)>;

// InvalidArgument for invalid options.
absl::Status CheckSampleFiles(const SampleFiles& files);

// The formats that are written, in order.
std::vector<const SampleFormat*> SampleFormats(const SampleFiles& files);

// The path of every file, in the order they are written: with one format in `output`, with several
// in a subfolder for each (parquet/, ndjson/, csv/).
std::vector<std::string> SamplePaths(const SampleFiles& files);

// AlreadyExists if one of `paths` exists, unless files.replace is set.
absl::Status CheckReplaces(const SampleFiles& files, const std::vector<std::string>& paths);

// Writes the files at SamplePaths(), each of which appears (or replaces one of the same name) when
// it is complete. `files` must have been checked. Cancelled if `stop` was requested; others from
// the file system. After an error the unfinished file is removed.
absl::StatusOr<GenerateReport> WriteSampleFiles(const SampleFiles& files, RowMaker& maker,
                                                std::stop_token stop,
                                                const GenerateProgress& progress);

}  // namespace millrace

#endif  // MILLRACE_GENERATE_SAMPLE_FILES_H_
