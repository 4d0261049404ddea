// An ObjectReader as Arrow wants files, and Arrow's errors as ours.
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

// Buffers that the file returns come from `pool`, which outlives it.
std::shared_ptr<arrow::io::RandomAccessFile> NewArrowFile(std::shared_ptr<ObjectReader> object,
                                                          arrow::MemoryPool* pool);

// To be called in a catch (...): the exception as a status. Errors of the ObjectReader come out as
// they were; running out of the pool's budget is InvalidArgument (pages too large), unknown codecs
// and encodings are Unimplemented, everything else is DataLoss.
absl::Status CaughtParquetError();

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_FILE_H_
