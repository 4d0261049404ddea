// The columns that every table of records has, and where their values come from.
#ifndef MILLRACE_RECORDS_STANDARD_COLUMNS_H_
#define MILLRACE_RECORDS_STANDARD_COLUMNS_H_

#include <string_view>

#include "absl/types/span.h"
#include "base/record_type.h"
#include "records/table_form.h"

namespace millrace {

// Who fills a column.
enum class ColumnSource : uint8_t {
  kProperty,    // a member of the record's payload: the properties of an event
  kMember,      // a member of the record itself
  kInsertTime,  // the caller's clock
  kOperation,   // the name of the operation
  kProperties,  // everything that no other column holds
};

struct StandardColumn {
  std::string_view name;
  ColumnType type = ColumnType::kText;
  ColumnSource from = ColumnSource::kProperty;
  // Of kProperty and kMember: the keys that fill the column. The first that is not null wins.
  std::string_view key = {};
  std::string_view other_key = {};
  bool required = false;
};

absl::Span<const StandardColumn> StandardColumns(RecordType type);

}  // namespace millrace

#endif  // MILLRACE_RECORDS_STANDARD_COLUMNS_H_
