#include "formats/parquet_nested.h"

#include <algorithm>

#include "absl/status/status.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

absl::Status LeavesDiffer() { return absl::DataLossError("its leaf columns do not match"); }

void Advance(LeafCursor& cursor) {
  if (cursor.entry >= cursor.row_end) return;
  if (cursor.HasValue()) ++cursor.value;
  ++cursor.entry;
}

size_t FindRowEnd(const LeafCursor& cursor) {
  if (cursor.leaf->max_repetition == 0) return cursor.entry + 1;
  const auto& repetitions = cursor.column->repetitions;
  const auto next = repetitions.begin() + static_cast<ptrdiff_t>(cursor.entry) + 1;
  return static_cast<size_t>(std::find(next, repetitions.end(), 0) - repetitions.begin());
}

bool IsTextKey(const ParquetNode& key, const LeafCursor& cursor) {
  return key.kind == ParquetNode::Kind::kLeaf && cursor.leaf->rule == LeafRule::kText;
}

}  // namespace

Value NestedCells::Next(const ParquetNode& column) {
  for (LeafCursor& cursor : CursorsOf(column)) cursor.row_end = FindRowEnd(cursor);
  out_.clear();
  const bool is_null = !Append(column);
  for (LeafCursor& cursor : CursorsOf(column)) {
    if (cursor.entry == cursor.row_end) continue;
    context_.SetProblem(LeavesDiffer());
    while (cursor.entry < cursor.row_end) Advance(cursor);
  }
  if (is_null) return Value::Null();
  return Value::Text(Value::Kind::kJson, context_.arena().Store(out_.view()));
}

int16_t NestedCells::DefinitionAt(const LeafCursor& cursor) {
  if (cursor.entry >= cursor.row_end) {
    context_.SetProblem(LeavesDiffer());
    return -1;  // null at every level
  }
  return cursor.leaf->max_definition == 0 ? 0 : cursor.column->definitions[cursor.entry];
}

bool NestedCells::Append(const ParquetNode& node) {
  if (node.leaf_count == 0) return false;
  if (DefinitionAt(cursors_[node.first_leaf]) < node.definition) {
    SkipEntry(node);
    return false;
  }
  switch (node.kind) {
    case ParquetNode::Kind::kLeaf:
      return AppendLeaf(cursors_[node.first_leaf]);
    case ParquetNode::Kind::kStruct:
      return AppendStruct(node);
    case ParquetNode::Kind::kList:
      return AppendList(node);
    case ParquetNode::Kind::kMap:
      return AppendMap(node);
  }
  return false;
}

bool NestedCells::AppendLeaf(LeafCursor& cursor) {
  if (cursor.entry >= cursor.row_end || !cursor.HasValue()) {
    Advance(cursor);
    return false;
  }
  const bool had_problem = context_.has_problem();
  const Value value = CellAt(cursor, cursor.value, context_);
  if (context_.has_problem() && !had_problem) {
    context_.SetProblem(Annotate(context_.TakeProblem(), StrCat("leaf ", cursor.leaf->path)));
  }
  Advance(cursor);
  if (value.is_null()) return false;
  AppendJsonValue(out_, value);
  return true;
}

bool NestedCells::AppendStruct(const ParquetNode& node) {
  out_.Append('{');
  const size_t begin = out_.size();
  for (const ParquetNode& member : node.children) {
    const size_t before = out_.size();
    if (before > begin) out_.Append(',');
    out_.Append(member.key);
    if (!Append(member)) out_.Truncate(before);
  }
  out_.Append('}');
  return true;
}

template <typename AppendElement>
void NestedCells::ForEachElement(const ParquetNode& node, AppendElement append_element) {
  const LeafCursor& first = cursors_[node.first_leaf];
  if (DefinitionAt(first) < node.element_definition()) return SkipEntry(node);
  const size_t begin = out_.size();
  do {
    if (out_.size() > begin) out_.Append(',');
    append_element();
  } while (first.entry < first.row_end &&
           first.column->repetitions[first.entry] == node.repetition);
}

bool NestedCells::AppendList(const ParquetNode& node) {
  out_.Append('[');
  ForEachElement(node, [&] {
    if (!Append(node.children[0])) out_.Append("null");
  });
  out_.Append(']');
  return true;
}

bool NestedCells::AppendMap(const ParquetNode& node) {
  const ParquetNode& key = node.children[0];
  const bool is_object = key.leaf_count > 0 && IsTextKey(key, cursors_[key.first_leaf]);
  out_.Append(is_object ? '{' : '[');
  ForEachElement(node, [&] {
    if (!is_object) out_.Append('[');
    if (!Append(key)) out_.Append(is_object ? R"("")" : "null");
    out_.Append(is_object ? ':' : ',');
    if (!Append(node.children[1])) out_.Append("null");
    if (!is_object) out_.Append(']');
  });
  out_.Append(is_object ? '}' : ']');
  return true;
}

void NestedCells::SkipEntry(const ParquetNode& node) {
  for (LeafCursor& cursor : CursorsOf(node)) Advance(cursor);
}

}  // namespace millrace
