// One standard column of records, without the rest of the row.
#ifndef MILLRACE_RECORDS_COLUMN_FINDER_H_
#define MILLRACE_RECORDS_COLUMN_FINDER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/byte_buffer.h"
#include "base/record_type.h"
#include "records/record_parser.h"
#include "records/standard_columns.h"

namespace millrace {

// One thread at a time; remembers where the last record had the column.
class ColumnFinder {
 public:
  // `column` is one of StandardColumns(type) that a property or a member fills. If the type has no
  // such column, Find() finds nothing.
  ColumnFinder(RecordType type, std::string_view column);

  // The value as IdText() writes it; "" if `record`, of the type, has none. Valid until the next
  // call and while what was parsed is.
  std::string_view Find(const RecordParser& record);

 private:
  const StandardColumn* column_ = nullptr;
  uint64_t shape_ = 0;  // the id of the last one
  size_t field_ = 0;
  size_t other_field_ = 0;
  ByteBuffer scratch_;
};

}  // namespace millrace

#endif  // MILLRACE_RECORDS_COLUMN_FINDER_H_
