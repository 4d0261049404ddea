// What data files look like, and into which partitions records are divided.
#ifndef MILLRACE_DATA_FILES_FILE_LAYOUT_H_
#define MILLRACE_DATA_FILES_FILE_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "data_files/path_template.h"
#include "records/form.h"

namespace millrace::data_files {

enum class FileFormat { kParquet, kNdjsonGz, kNdjsonZst };

// ".parquet", ".ndjson.gz", ".ndjson.zst".
std::string_view ExtensionOf(FileFormat format);

struct FileLayout {
  FileFormat format = FileFormat::kParquet;
  Form form = Form::kTable;  // Parquet has this one only
  PathTemplate path;
  bool by_arrival = false;  // partitions are of the time of arrival; those of updates always
  size_t file_bytes = 512 << 20;
  // Of the columns of Parquet files, in the order of the form; empty: the files have none.
  std::vector<int32_t> field_ids;
};

}  // namespace millrace::data_files

#endif  // MILLRACE_DATA_FILES_FILE_LAYOUT_H_
