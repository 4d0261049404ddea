// Unique column names.
#ifndef MILLRACE_FORMATS_COLUMN_NAMES_H_
#define MILLRACE_FORMATS_COLUMN_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace millrace {

// A column whose name occurs more than once in the source, and the name it is read as.
struct RenamedColumn {
  std::string name;
  std::string read_as;

  bool operator==(const RenamedColumn&) const = default;
};

// Makes `names` unique: the second "a" becomes "a_2" (or "a_3" if there already is an "a_2"), a
// column without a name becomes "column_N", counted from 1. Columns that shared a name with another
// are added to `renamed`.
std::vector<std::string> UniqueColumnNames(std::vector<std::string> names,
                                           std::vector<RenamedColumn>& renamed);

// InvalidArgument: the column `name` is requested, and the file has more than one column of that
// name.
absl::Status AmbiguousColumn(std::string_view name);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_COLUMN_NAMES_H_
