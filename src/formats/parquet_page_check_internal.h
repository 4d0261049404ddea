// Rejects pages that the library would decode wrongly, before it reads them.
#ifndef MILLRACE_FORMATS_PARQUET_PAGE_CHECK_INTERNAL_H_
#define MILLRACE_FORMATS_PARQUET_PAGE_CHECK_INTERNAL_H_

#include <memory>

#include "parquet/file_reader.h"
#include "parquet/properties.h"

namespace millrace {

// Returns `group`, opened with `properties`, with columns that throw (Unimplemented for
// CaughtParquetError()) at a page with BIT_PACKED levels. Such levels are stored from the most
// significant bit (Encodings.md, "Bit-packed (Deprecated)"); Arrow reads them from the least
// significant one, which assigns values to the wrong rows.
std::unique_ptr<parquet::RowGroupReader> WithPageCheck(
    std::shared_ptr<parquet::RowGroupReader> group, const parquet::ReaderProperties& properties);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_PAGE_CHECK_INTERNAL_H_
