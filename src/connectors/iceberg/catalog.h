// Where the current metadata of one table is kept and changed.
#ifndef MILLRACE_CONNECTORS_ICEBERG_CATALOG_H_
#define MILLRACE_CONNECTORS_ICEBERG_CATALOG_H_

#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "iceberg/table_change.h"
#include "iceberg/table_metadata.h"

namespace millrace::iceberg {

struct LoadedTable {
  std::string text;  // of the metadata; of folders only
  std::string file;  // where it is
  IcebergMetadata metadata;
};

// Thread-safe. Unavailable: try again. Cancelled: `stop` was requested.
class Catalog {
 public:
  virtual ~Catalog() = default;

  // "gs://bucket/tables/events/", "https://catalog.example.com/api analytics.events", for messages.
  virtual const std::string& table() const = 0;

  // NotFound: there is no such table. FailedPrecondition, with the remedy: it cannot be changed
  // here.
  virtual absl::StatusOr<LoadedTable> Load(std::stop_token stop) = 0;

  // Ok also if there is a table already, which stays as it is.
  virtual absl::Status Create(const NewTable& table, std::stop_token stop) = 0;

  // Makes `change` if the table is still as in `base`. Aborted: it is not, because somebody has
  // changed it: load it again; it may have been an earlier try of this call whose answer was lost.
  // Unavailable: unknown.
  virtual absl::Status Change(const LoadedTable& base, const TableChange& change,
                              std::stop_token stop) = 0;

  // Makes sure that readers find this version of the table, or a later one: the caller of Change()
  // may have been killed.
  virtual absl::Status Publish(const LoadedTable& table, std::stop_token stop) = 0;

  // Removes the table and its files, if it exists.
  virtual absl::Status Drop(std::stop_token stop) = 0;
};

}  // namespace millrace::iceberg

#endif  // MILLRACE_CONNECTORS_ICEBERG_CATALOG_H_
