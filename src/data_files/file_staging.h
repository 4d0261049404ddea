// Stages data files and commits them.
#ifndef MILLRACE_DATA_FILES_FILE_STAGING_H_
#define MILLRACE_DATA_FILES_FILE_STAGING_H_

#include <memory>
#include <string>

#include "base/clock.h"
#include "data_files/commit_log.h"
#include "data_files/file_layout.h"
#include "data_files/file_store.h"
#include "pipeline/destination.h"
#include "pipeline/staging.h"
#include "records/table_form.h"

namespace millrace::data_files {

// What staging needs; all of it outlives it.
struct FileStagingParts {
  const FileLayout& layout;
  const TableForm& form;
  FileStore& store;
  CommitLog& log;
  Traffic& traffic;
  Clock& clock;
  // Files are read where they were staged, and removed once their commit is made.
  bool in_place = false;
};

// Rows are collected by partition, in memory and in a scratch file in the folder `scratch`, whose
// disk space ends with the process. Sealing writes them as files under names that readers do not
// look for; a commit moves these to their names, unless they are read in place, and then records in
// the log that it is made.
std::unique_ptr<Staging> NewFileStaging(const FileStagingParts& parts, std::string scratch);

// What Destination::AdaptOptions() does for data files that are committed after `age` at the
// latest.
void AdaptOptions(absl::Duration age, RunOptions& options);

}  // namespace millrace::data_files

#endif  // MILLRACE_DATA_FILES_FILE_STAGING_H_
