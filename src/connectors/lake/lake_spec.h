// What a --to of a lake says: the folder, and how its files look.
#ifndef MILLRACE_CONNECTORS_LAKE_LAKE_SPEC_H_
#define MILLRACE_CONNECTORS_LAKE_LAKE_SPEC_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/record_type.h"
#include "connectors/lake/path_template.h"
#include "records/form.h"

namespace millrace::lake {

enum class FileFormat { kParquet, kNdjsonGz, kNdjsonZst };

// ".parquet", ".ndjson.gz", ".ndjson.zst".
std::string_view ExtensionOf(FileFormat format);

struct LakeSpec {
  std::string root;  // "/data/lake/", "gs://bucket/lake/"; ends with '/'
  // Below the root, for each type of record that the lake takes: "events/", or "" for the root.
  std::map<RecordType, std::string> folders;
  FileFormat format = FileFormat::kParquet;
  Form form = Form::kTable;
  std::vector<std::string> extra_columns;  // as TableForm::Make() takes them
  PathTemplate path;
  bool by_arrival = false;  // folders are named by the time of arrival; that of updates always
  size_t file_bytes = 512 << 20;
  absl::Duration age = absl::Minutes(10);  // the time after which what was staged is committed

  // "/path/?format=parquet&...", "gs://bucket/prefix?...". The parameters are format, form, table,
  // events, users, groups, columns, path, time, file_size and age. InvalidArgument: it cannot be
  // read.
  static absl::StatusOr<LakeSpec> Parse(std::string_view uri);

  // LedgerKey::destination of records of `type`.
  std::string LedgerName(RecordType type) const;
};

}  // namespace millrace::lake

#endif  // MILLRACE_CONNECTORS_LAKE_LAKE_SPEC_H_
