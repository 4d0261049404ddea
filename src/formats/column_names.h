// Names of columns, each once.
#ifndef MILLRACE_FORMATS_COLUMN_NAMES_H_
#define MILLRACE_FORMATS_COLUMN_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace millrace {

// A column whose name stands in the source more than once, and what it is read as.
struct RenamedColumn {
  std::string name;
  std::string read_as;

  bool operator==(const RenamedColumn&) const = default;
};

// `names` so that each stands once: the second "a" becomes "a_2" (or "a_3" where there is an "a_2"
// already), a column without name "column_N", counted from 1. Those that had the name of another
// are added to `renamed`.
std::vector<std::string> UniqueColumnNames(std::vector<std::string> names,
                                           std::vector<RenamedColumn>& renamed);

// InvalidArgument: the column `name` is wanted, and the file has more than one of that name.
absl::Status AmbiguousColumn(std::string_view name);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_COLUMN_NAMES_H_
