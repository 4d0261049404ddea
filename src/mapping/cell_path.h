// The location of a source field in the rows of one shape.
#ifndef MILLRACE_MAPPING_CELL_PATH_H_
#define MILLRACE_MAPPING_CELL_PATH_H_

#include <string>
#include <string_view>
#include <vector>

#include "formats/row.h"
#include "mapping/json_object.h"

namespace millrace {

struct CellPath {
  static constexpr int kAbsent = -1;
  int column = kAbsent;
  std::vector<std::string> inside;  // keys into the column's JSON, outermost first
};

// The column called `field`; if there is none, "a.b" is "b" inside column "a" (the longest matching
// column name counts). If a name occurs twice, its last column counts.
CellPath FindCell(const RowShape& shape, std::string_view field);

// Reads cells along their paths. One thread at a time.
class CellReader {
 public:
  // Null if there is no value at the path. Valid until the next call for a path that goes inside.
  Value Read(const CellPath& path, const Row& row) {
    if (path.column == CellPath::kAbsent) return Value::Null();
    const Value& value = row.values[static_cast<size_t>(path.column)];
    return path.inside.empty() ? value : ReadInside(path, value);
  }

 private:
  Value ReadInside(const CellPath& path, Value value);

  JsonObjectParser parsers_[2];  // used in turn: a result of one may be parsed by the other
};

}  // namespace millrace

#endif  // MILLRACE_MAPPING_CELL_PATH_H_
