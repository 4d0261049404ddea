#include "data_files/file_layout.h"

namespace millrace::data_files {

std::string_view ExtensionOf(FileFormat format) {
  switch (format) {
    case FileFormat::kParquet:
      return ".parquet";
    case FileFormat::kNdjsonGz:
      return ".ndjson.gz";
    case FileFormat::kNdjsonZst:
      return ".ndjson.zst";
  }
  return "";
}

}  // namespace millrace::data_files
