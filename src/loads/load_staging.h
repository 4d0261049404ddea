// Stages files in a bucket and commits them by having a warehouse load them.
#ifndef MILLRACE_LOADS_LOAD_STAGING_H_
#define MILLRACE_LOADS_LOAD_STAGING_H_

#include <memory>
#include <string>

#include "base/clock.h"
#include "data_files/file_layout.h"
#include "data_files/file_store.h"
#include "loads/file_loader.h"
#include "pipeline/destination.h"
#include "pipeline/staging.h"
#include "records/table_form.h"

namespace millrace::loads {

// What staging needs; all of it outlives it.
struct LoadStagingParts {
  const data_files::FileLayout& layout;  // LoadLayout()
  const TableForm& form;
  data_files::FileStore& store;  // OpenLoadStore()
  FileLoader& loader;
  Traffic& traffic;
  Clock& clock;
};

// Files are loaded from where they are staged, and removed once the warehouse has loaded them.
// Those that a killed process of this machine left are removed by the next run. The table is
// prepared before anything is staged or loaded. Scratch files are in the folder `scratch`.
std::unique_ptr<Staging> NewLoadStaging(const LoadStagingParts& parts, std::string scratch);

}  // namespace millrace::loads

#endif  // MILLRACE_LOADS_LOAD_STAGING_H_
