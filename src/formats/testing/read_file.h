// Rows of a file on disk, for tests.
#ifndef MILLRACE_FORMATS_TESTING_READ_FILE_H_
#define MILLRACE_FORMATS_TESTING_READ_FILE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "formats/row_reader.h"
#include "io/object_store.h"

namespace millrace {

// Null, and a failure of the test, if `path` is no file that can be read.
inline std::shared_ptr<ObjectReader> OpenLocalFile(const std::string& path) {
  const std::unique_ptr<ObjectStore> store = NewLocalObjectStore();
  ObjectInfo info;
  const absl::Status listed = store->List(path, [&](const ObjectInfo& object) {
    info = object;
    return absl::OkStatus();
  });
  EXPECT_TRUE(listed.ok()) << listed;
  absl::StatusOr<std::unique_ptr<ObjectReader>> object = store->Open(info);
  EXPECT_TRUE(object.ok()) << object.status();
  return object.ok() ? *std::move(object) : nullptr;
}

// Shows every row of the file to `visitor`. An error is a failure of the test and ends the reading;
// the reader is null if the file could not be opened, and else at its end.
inline std::unique_ptr<RowReader> ReadFile(const std::string& path, RowVisitor& visitor,
                                           const ReadOptions& options = {},
                                           const ChunkLimits& limits = {}) {
  std::shared_ptr<ObjectReader> object = OpenLocalFile(path);
  if (object == nullptr) return nullptr;
  absl::StatusOr<std::unique_ptr<RowReader>> reader = OpenRows(std::move(object), options);
  EXPECT_TRUE(reader.ok()) << reader.status();
  if (!reader.ok()) return nullptr;
  DecodeScratch scratch;
  for (;;) {
    const absl::StatusOr<std::unique_ptr<RowChunk>> chunk = (*reader)->Read(limits);
    EXPECT_TRUE(chunk.ok()) << chunk.status();
    if (!chunk.ok() || *chunk == nullptr) return *std::move(reader);
    (*chunk)->ForEachRow(scratch, visitor);
  }
}

}  // namespace millrace

#endif  // MILLRACE_FORMATS_TESTING_READ_FILE_H_
