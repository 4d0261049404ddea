// What data files look like, and into which partitions records are divided.
#ifndef MILLRACE_DATA_FILES_FILE_LAYOUT_H_
#define MILLRACE_DATA_FILES_FILE_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "data_files/path_template.h"
#include "records/dialect.h"
#include "records/form.h"

namespace millrace::data_files {

enum class FileFormat { kParquet, kNdjsonGz, kNdjsonZst };

// ".parquet", ".ndjson.gz", ".ndjson.zst".
std::string_view ExtensionOf(FileFormat format);

// Text and JSON of Parquet, and times whose folders have four digits for the year.
inline constexpr Dialect kFileDialect{
    .name = "a data file",
    .takes_nul = true,
    .max_text_bytes = (size_t{1} << 31) - 1,
    .max_json_bytes = (size_t{1} << 31) - 1,
    .min_time = -62'135'596'800'000'000,  // 0001-01-01
    .max_time = 253'402'300'799'999'999,  // 9999-12-31
};

struct FileLayout {
  FileFormat format = FileFormat::kParquet;
  Form form = Form::kTable;  // Parquet has this one only
  PathTemplate path;
  bool by_arrival = false;  // partitions are of the time of arrival; those of updates always
  size_t file_bytes = 512 << 20;
  // What rows of the table form may have: also what is to load the files can hold it.
  Dialect dialect = kFileDialect;
  // In lines of the table form, integers that no double holds exactly are JSON strings.
  bool quotes_large_integers = false;
  // Of the columns of Parquet files, in the order of the form; empty: the files have none.
  std::vector<int32_t> field_ids;
};

}  // namespace millrace::data_files

#endif  // MILLRACE_DATA_FILES_FILE_LAYOUT_H_
