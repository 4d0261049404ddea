// The columns of tables of records.
#ifndef MILLRACE_RECORDS_TABLE_FORM_H_
#define MILLRACE_RECORDS_TABLE_FORM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/record_type.h"

namespace millrace {

enum class ColumnType : uint8_t {
  kText,
  kInteger,  // 64 bits, signed
  kNumber,   // a double
  kBoolean,
  kTime,  // in microseconds
  kJson,
};

// "text", "integer", "number", "boolean", "time", "json".
std::string_view NameOf(ColumnType type);

struct Column {
  std::string name;
  ColumnType type = ColumnType::kText;
};

// The columns of `events`, `users` or `groups`, then those that the user requested. Immutable.
class TableForm {
 public:
  // `extra_columns`: names of properties that get a column of their own, each "name" (text) or
  // "name:type". A leading '$' of the name is ignored. InvalidArgument if a type is unknown, or if
  // two columns have the same name.
  static absl::StatusOr<TableForm> Make(RecordType type, std::vector<std::string> extra_columns);

  RecordType record_type() const { return record_type_; }
  const std::vector<Column>& columns() const { return columns_; }
  // The requested ones: the end of columns().
  absl::Span<const Column> extra_columns() const {
    return absl::MakeConstSpan(columns_).subspan(standard_columns_);
  }
  size_t standard_columns() const { return standard_columns_; }

 private:
  explicit TableForm(RecordType type);

  RecordType record_type_;
  std::vector<Column> columns_;
  size_t standard_columns_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_RECORDS_TABLE_FORM_H_
