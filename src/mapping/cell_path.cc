#include "mapping/cell_path.h"

#include "absl/strings/str_split.h"
#include "base/strings.h"

namespace millrace {
namespace {

int ColumnNamed(const RowShape& shape, std::string_view name) {
  for (size_t i = shape.names.size(); i > 0; --i) {
    if (shape.names[i - 1] == name) return static_cast<int>(i - 1);
  }
  return CellPath::kAbsent;
}

}  // namespace

CellPath FindCell(const RowShape& shape, std::string_view field) {
  if (const int column = ColumnNamed(shape, field); column != CellPath::kAbsent) {
    return {column, {}};
  }
  for (size_t dot = field.rfind('.'); dot != std::string_view::npos && dot != 0;
       dot = field.rfind('.', dot - 1)) {
    const int column = ColumnNamed(shape, field.substr(0, dot));
    if (column != CellPath::kAbsent) {
      return {column, absl::StrSplit(ToAbsl(field.substr(dot + 1)), '.')};
    }
  }
  return {};
}

Value CellReader::ReadInside(const CellPath& path, Value value) {
  size_t turn = 0;
  for (const std::string& key : path.inside) {
    if (value.kind != Value::Kind::kJson) return Value::Null();
    Row object;
    if (!parsers_[turn++ % 2].Parse(value.text, object).ok()) return Value::Null();
    const int column = ColumnNamed(*object.shape, key);
    if (column == CellPath::kAbsent) return Value::Null();
    value = object.values[static_cast<size_t>(column)];
  }
  return value;
}

}  // namespace millrace
