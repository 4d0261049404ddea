// Pages that the library would decode wrongly are refused before it sees them.
#ifndef MILLRACE_FORMATS_PARQUET_PAGE_CHECK_INTERNAL_H_
#define MILLRACE_FORMATS_PARQUET_PAGE_CHECK_INTERNAL_H_

#include <memory>

#include "parquet/file_reader.h"
#include "parquet/properties.h"

namespace millrace {

// `group`, opened with `properties`, whose columns throw (Unimplemented for CaughtParquetError())
// at a page with BIT_PACKED levels. These are stored from the most significant bit on
// (Encodings.md, "Bit-packed (Deprecated)"); Arrow reads them from the least significant one, which
// gives values to other rows.
std::unique_ptr<parquet::RowGroupReader> WithPageCheck(
    std::shared_ptr<parquet::RowGroupReader> group, const parquet::ReaderProperties& properties);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_PAGE_CHECK_INTERNAL_H_
