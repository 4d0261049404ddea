// Stages data files of a table and commits them as snapshots.
#ifndef MILLRACE_CONNECTORS_ICEBERG_ICEBERG_STAGING_H_
#define MILLRACE_CONNECTORS_ICEBERG_ICEBERG_STAGING_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "connectors/iceberg/catalog.h"
#include "connectors/iceberg/iceberg_spec.h"
#include "data_files/file_store.h"
#include "pipeline/destination.h"
#include "pipeline/staging.h"
#include "records/table_form.h"

namespace millrace::iceberg {

// What staging needs; all of it outlives it.
struct IcebergStagingParts {
  const IcebergSpec& spec;
  const TableForm& form;
  Catalog& catalog;
  // The store of the table's files; `location` ends with '/'.
  std::function<absl::StatusOr<data_files::FileStore*>(const std::string& location)> store_at;
  Traffic& traffic;
  Clock& clock;
};

// The table is looked up, created or given the columns that it lacks when it is first needed.
// Scratch files are in the folder `scratch`.
std::unique_ptr<Staging> NewIcebergStaging(IcebergStagingParts parts, std::string scratch);

}  // namespace millrace::iceberg

#endif  // MILLRACE_CONNECTORS_ICEBERG_ICEBERG_STAGING_H_
