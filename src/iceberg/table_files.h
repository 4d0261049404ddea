// The files of a table, found by the locations in its metadata, even if the table was moved.
#ifndef MILLRACE_ICEBERG_TABLE_FILES_H_
#define MILLRACE_ICEBERG_TABLE_FILES_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/input_stream.h"
#include "io/object_store.h"

namespace millrace {

// Returns the store that reads `uri`; the store must outlive the caller.
using StoreFor = std::function<absl::StatusOr<ObjectStore*>(std::string_view uri)>;

struct StoredObject {
  ObjectStore* store = nullptr;
  ObjectInfo info;
};

// The object with that name. NotFound if there is none, InvalidArgument if the name is a folder or
// matches several.
absl::StatusOr<StoredObject> FindObject(const StoreFor& store_for, const std::string& uri);

// Passes its bytes, decompressed if they are gzip or zstd, to `read`, and returns the status of
// `read`.
absl::Status ReadObject(const StoredObject& object,
                        const std::function<absl::Status(InputStream&)>& read);

// "s3a://b/k/" -> "s3://b/k", "file:///t" -> "/t": one spelling per place.
std::string NormalLocation(std::string_view location);

// Thread-compatible.
class TableFiles {
 public:
  // `folder` is where the table was found, `location` where its metadata says that it is.
  TableFiles(StoreFor store_for, std::string folder, std::string_view location);

  // The object that metadata calls `path`: at that path, if it exists; else, if `path` is below the
  // table's own location and the table was found elsewhere, at the same relative path below that
  // folder. The rule that found the last file is tried first for the next one; a copy in another
  // kind of store is tried first. NotFound names both places.
  absl::StatusOr<StoredObject> Find(std::string_view path);

  const StoreFor& store_for() const { return store_for_; }

 private:
  // Empty if `path` is not below the location or the table was not moved.
  std::string Moved(const std::string& path) const;

  const StoreFor store_for_;
  const std::string folder_;
  const std::string location_;
  bool is_moved_ = false;  // the last file was found below folder_
};

}  // namespace millrace

#endif  // MILLRACE_ICEBERG_TABLE_FILES_H_
