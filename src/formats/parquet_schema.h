// The columns of a Parquet file as they are read: which leaves, by which rule, and how leaves form
// the value of a column.
#ifndef MILLRACE_FORMATS_PARQUET_SCHEMA_H_
#define MILLRACE_FORMATS_PARQUET_SCHEMA_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/column_names.h"
#include "formats/row.h"

namespace parquet {
class SchemaDescriptor;
}

namespace millrace {

struct FieldNames;

// How a leaf's values are stored in memory.
enum class LeafStorage : uint8_t { kBool, kInt32, kInt64, kInt96, kFloat, kDouble, kText, kFixed };

// How they are shown: see the table in parquet_reader.h.
enum class LeafRule : uint8_t {
  kNull,
  kBool,
  kInt,
  kUnsigned,
  kHalf,
  kFloat,
  kDouble,
  kDecimal,
  kText,
  kJson,
  kUuid,
  kBytes,
  kDate,
  kTime,
  kTimestamp,
  kInt96,
  kInterval,
};

struct ParquetLeaf {
  int column = 0;    // in the file
  std::string path;  // "a.list.element"
  LeafStorage storage = LeafStorage::kBool;
  LeafRule rule = LeafRule::kBool;
  size_t width = 0;                         // bytes per value; 0 for kText
  int scale = 0;                            // kDecimal
  Value::Unit unit = Value::Unit::kSecond;  // kTime, kTimestamp
  bool zoned = false;                       // kTimestamp
  int16_t max_definition = 0;               // entries below it are nulls, here or further up
  int16_t max_repetition = 0;
};

// A value that consists of other values, or of a leaf. Entries of the leaves below a node with a
// definition level under `definition` mean that the node is null.
struct ParquetNode {
  enum class Kind : uint8_t { kLeaf, kStruct, kList, kMap };

  Kind kind = Kind::kLeaf;
  std::string name;
  std::string key;  // `"name":`
  int16_t definition = 0;
  int16_t repetition = 0;  // kList, kMap: of entries that continue the same list
  size_t first_leaf = 0;   // the leaves below are ParquetSchema::leaves, from this index
  size_t leaf_count = 0;
  std::vector<ParquetNode> children;  // kList: the element; kMap: key and value

  // kList, kMap: entries at this definition level or above are an element.
  int16_t element_definition() const { return static_cast<int16_t>(definition + 1); }
};

struct ParquetSchema {
  RowShape shape;
  std::vector<ParquetNode> columns;  // one per name of the shape
  std::vector<ParquetLeaf> leaves;   // in the order of the file
  std::vector<std::string> names;    // of all columns of the file, each once
  // Of columns and of members of groups (by their path), including those that are not requested.
  std::vector<RenamedColumn> renamed;
};

// The part of `schema` that `wanted` names (all if empty; see OpenParquet). With `names`, which may
// be null, fields have these names, also in `wanted`. InvalidArgument for types outside the limits:
// more than kMaxJsonDepth levels, decimals with a scale above 1,000; and if `names` are by field id
// and no column has one.
absl::StatusOr<std::shared_ptr<const ParquetSchema>> CompileParquetSchema(
    const parquet::SchemaDescriptor& schema, const std::vector<std::string>& wanted,
    const FieldNames* names = nullptr);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_SCHEMA_H_
