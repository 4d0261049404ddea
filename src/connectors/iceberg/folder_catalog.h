// A table in a folder on disk or in a bucket, without a service: its versions are numbered, and a
// change creates the file of the next number, which only one writer can.
//
//   metadata/v3.metadata.json
//   metadata/version-hint.text    3, or less until the writer of 3 has come to it
#ifndef MILLRACE_CONNECTORS_ICEBERG_FOLDER_CATALOG_H_
#define MILLRACE_CONNECTORS_ICEBERG_FOLDER_CATALOG_H_

#include <memory>

#include "base/clock.h"
#include "connectors/iceberg/catalog.h"
#include "data_files/file_store.h"

namespace millrace::iceberg {

// The table in the folder of `store`. Both outlive it.
std::unique_ptr<Catalog> NewFolderCatalog(data_files::FileStore& store, Clock& clock);

}  // namespace millrace::iceberg

#endif  // MILLRACE_CONNECTORS_ICEBERG_FOLDER_CATALOG_H_
