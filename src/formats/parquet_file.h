// Adapts an ObjectReader to Arrow's file interface, and Arrow's errors to absl::Status.
#ifndef MILLRACE_FORMATS_PARQUET_FILE_H_
#define MILLRACE_FORMATS_PARQUET_FILE_H_

#include <memory>

#include "absl/status/status.h"
#include "io/object_store.h"

namespace arrow {
class MemoryPool;
namespace io {
class RandomAccessFile;
}
}  // namespace arrow

namespace millrace {

// Buffers that the file returns come from `pool`, which must outlive it.
std::shared_ptr<arrow::io::RandomAccessFile> NewArrowFile(std::shared_ptr<ObjectReader> object,
                                                          arrow::MemoryPool* pool);

// Call it in a catch (...): returns the exception as a status. Errors of the ObjectReader are
// returned unchanged; exceeding the pool's budget is InvalidArgument (pages too large), unknown
// codecs and encodings are Unimplemented, everything else is DataLoss.
absl::Status CaughtParquetError();

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_FILE_H_
