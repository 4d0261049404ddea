// What a --to of a lake says: the folder, and how its files look.
#ifndef MILLRACE_CONNECTORS_LAKE_LAKE_SPEC_H_
#define MILLRACE_CONNECTORS_LAKE_LAKE_SPEC_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/record_type.h"
#include "data_files/file_layout.h"

namespace millrace::lake {

struct LakeSpec {
  std::string root;  // "/data/lake/", "gs://bucket/lake/"; ends with '/'
  // Below the root, for each type of record that the lake takes: "events/", or "" for the root.
  std::map<RecordType, std::string> folders;
  std::vector<std::string> extra_columns;  // as TableForm::Make() takes them
  data_files::FileLayout layout;
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
