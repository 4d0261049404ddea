// Parquet (https://parquet.apache.org/docs/file-format/) to rows.
//
// What becomes of a stored value, by its logical type, else its physical one:
//
//   BOOLEAN                       kBool
//   INT32, INT64, INT(n, signed)  kInt
//   INT(n, unsigned)              kInt, above INT64_MAX kUint
//   FLOAT16, FLOAT                kFloat; NaN and infinities are null
//   DOUBLE                        kDouble; NaN and infinities are null
//   DECIMAL, any width            kNumber with all digits of its scale, never an exponent
//   STRING, ENUM                  kText; what is not UTF-8 makes the row bad
//   JSON                          kJson if it is valid JSON (of at most 64 levels), else kText
//   UUID                          kText, 8-4-4-4-12 lower-case hex digits
//   BSON, GEOMETRY, GEOGRAPHY,    kBytes
//   and bytes without a type
//   DATE                          kText "2024-04-24"
//   TIME                          kText "03:13:01[.500[000[000]]]", as stored, with or without UTC
//   TIMESTAMP                     kTimestamp of its unit, zoned if adjusted to UTC, as the older
//                                 TIMESTAMP_MILLIS and TIMESTAMP_MICROS always are
//   INT96                         kTimestamp in microseconds, not zoned: Spark and Trino write UTC,
//                                 Impala local times, and the file does not say which
//   INTERVAL                      kText, an ISO 8601 duration "P1M2DT3.004S"
//   NULL (UNKNOWN)                kNull
//   groups                        kJson: an object of the members that are not null
//   LIST, repeated fields         kJson: an array; null elements stay
//   MAP                           kJson: an object if the keys are STRING or ENUM (null values
//                                 stay), else an array of [key, value]
//
// Columns of one name, and members of one name in a group, are read as UniqueColumnNames() calls
// them.
//
// Inside groups, lists and maps, values stand as AppendJsonValue() writes them. Arrow's durations
// are plain integers in Parquet and stay so. VARIANT is shown as the group of bytes that it is.
#ifndef MILLRACE_FORMATS_PARQUET_READER_H_
#define MILLRACE_FORMATS_PARQUET_READER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "formats/row_reader.h"

namespace millrace {

// Opens a Parquet file. Only options.columns (all if empty) are decoded: "a" is a column, "a.b" the
// member b of the struct a, which is then shown without its other members. `from` skips whole row
// groups unread, and rows inside one by decoding them.
//
// Memory does not depend on the size of row groups: the reader holds, per leaf column, one read
// buffer (16 to 256 kB), the current page and its dictionary; chunks hold what their limits say,
// or one row. Pages that need more than 256 MB (4 MB per leaf column if that is more) at once, and
// rows above 64 MB in one leaf, are refused as InvalidArgument. It starts no threads.
//
// Open and Read fail with DataLoss, naming row group and row, where the file is truncated or
// damaged (checksums of pages are checked if it has them); rows before that row are given first.
// Unimplemented: encrypted files, unknown codecs and encodings, BIT_PACKED levels. InvalidArgument:
// not Parquet.
absl::StatusOr<std::unique_ptr<RowReader>> OpenParquet(std::shared_ptr<ObjectReader> object,
                                                       const ReadOptions& options);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_READER_H_
