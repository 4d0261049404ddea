#include "formats/parquet_schema.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/row_reader.h"
#include "formats/table_rows.h"
#include "formats/utf8_validation.h"
#include "parquet/schema.h"
#include "parquet/types.h"

namespace millrace {
namespace {

using parquet::LogicalType;
using parquet::schema::GroupNode;
using parquet::schema::Node;
using parquet::schema::PrimitiveNode;

constexpr int kMaxScale = 1000;

LeafStorage StorageOf(parquet::Type::type type) {
  switch (type) {
    case parquet::Type::BOOLEAN:
      return LeafStorage::kBool;
    case parquet::Type::INT32:
      return LeafStorage::kInt32;
    case parquet::Type::INT64:
      return LeafStorage::kInt64;
    case parquet::Type::INT96:
      return LeafStorage::kInt96;
    case parquet::Type::FLOAT:
      return LeafStorage::kFloat;
    case parquet::Type::DOUBLE:
      return LeafStorage::kDouble;
    case parquet::Type::FIXED_LEN_BYTE_ARRAY:
      return LeafStorage::kFixed;
    default:
      return LeafStorage::kText;
  }
}

size_t WidthOf(LeafStorage storage, int fixed_length) {
  switch (storage) {
    case LeafStorage::kBool:
      return sizeof(bool);
    case LeafStorage::kInt32:
    case LeafStorage::kFloat:
      return 4;
    case LeafStorage::kInt64:
    case LeafStorage::kDouble:
      return 8;
    case LeafStorage::kInt96:
      return 12;
    case LeafStorage::kFixed:
      return static_cast<size_t>(std::max(fixed_length, 0));
    case LeafStorage::kText:
      return 0;
  }
  return 0;
}

LeafRule RuleOfStorage(LeafStorage storage) {
  switch (storage) {
    case LeafStorage::kBool:
      return LeafRule::kBool;
    case LeafStorage::kInt32:
    case LeafStorage::kInt64:
      return LeafRule::kInt;
    case LeafStorage::kInt96:
      return LeafRule::kInt96;
    case LeafStorage::kFloat:
      return LeafRule::kFloat;
    case LeafStorage::kDouble:
      return LeafRule::kDouble;
    case LeafStorage::kText:
    case LeafStorage::kFixed:
      return LeafRule::kBytes;
  }
  return LeafRule::kBytes;
}

Value::Unit UnitOf(LogicalType::TimeUnit::unit unit) {
  switch (unit) {
    case LogicalType::TimeUnit::MICROS:
      return Value::Unit::kMicro;
    case LogicalType::TimeUnit::NANOS:
      return Value::Unit::kNano;
    default:
      return Value::Unit::kMilli;
  }
}

// Sets the leaf's rule from its logical type, if the type is compatible with the physical one.
void SetRule(const LogicalType& type, ParquetLeaf& leaf) {
  const LeafStorage storage = leaf.storage;
  const bool integer = storage == LeafStorage::kInt32 || storage == LeafStorage::kInt64;
  const bool text = storage == LeafStorage::kText;
  const bool fixed = storage == LeafStorage::kFixed;
  leaf.rule = RuleOfStorage(storage);
  switch (type.type()) {
    case LogicalType::Type::STRING:
    case LogicalType::Type::ENUM:
      if (text) leaf.rule = LeafRule::kText;
      break;
    case LogicalType::Type::JSON:
      if (text) leaf.rule = LeafRule::kJson;
      break;
    case LogicalType::Type::UUID:
      if (fixed && leaf.width == 16) leaf.rule = LeafRule::kUuid;
      break;
    case LogicalType::Type::DECIMAL:
      if (!integer && !text && !fixed) break;
      leaf.rule = LeafRule::kDecimal;
      leaf.scale = static_cast<const parquet::DecimalLogicalType&>(type).scale();
      break;
    case LogicalType::Type::DATE:
      if (storage == LeafStorage::kInt32) leaf.rule = LeafRule::kDate;
      break;
    case LogicalType::Type::TIME:
      if (!integer) break;
      leaf.rule = LeafRule::kTime;
      leaf.unit = UnitOf(static_cast<const parquet::TimeLogicalType&>(type).time_unit());
      break;
    case LogicalType::Type::TIMESTAMP: {
      if (storage != LeafStorage::kInt64) break;
      const auto& timestamp = static_cast<const parquet::TimestampLogicalType&>(type);
      leaf.rule = LeafRule::kTimestamp;
      leaf.unit = UnitOf(timestamp.time_unit());
      leaf.zoned = timestamp.is_adjusted_to_utc();
      break;
    }
    case LogicalType::Type::INT:
      if (integer && !static_cast<const parquet::IntLogicalType&>(type).is_signed()) {
        leaf.rule = LeafRule::kUnsigned;
      }
      break;
    case LogicalType::Type::FLOAT16:
      if (fixed && leaf.width == 2) leaf.rule = LeafRule::kHalf;
      break;
    case LogicalType::Type::INTERVAL:
      if (fixed && leaf.width == 12) leaf.rule = LeafRule::kInterval;
      break;
    case LogicalType::Type::NIL:
      leaf.rule = LeafRule::kNull;
      break;
    default:
      break;
  }
}

// Whether `repeated` is the element of the list itself, as older writers store it, and not a group
// around it: LogicalTypes.md, "Lists", "Backward-compatibility rules". In addition, a lone member
// called "element" is the element whatever the group around it is called, as parquet-avro writes
// it.
bool IsListElement(const GroupNode& list, const Node& repeated) {
  if (repeated.is_primitive()) return true;
  const auto& group = static_cast<const GroupNode&>(repeated);
  if (group.field_count() != 1 || group.field(0)->is_repeated()) return true;
  if (group.field(0)->name() == "element") return false;
  return group.name() == "array" || group.name() == list.name() + "_tuple";
}

int CountLeaves(const Node& node) {
  if (node.is_primitive()) return 1;
  const auto& group = static_cast<const GroupNode&>(node);
  int leaves = 0;
  for (int i = 0; i < group.field_count(); ++i) leaves += CountLeaves(*group.field(i));
  return leaves;
}

// The position of a node: the levels that its ancestors add, and the nesting depth of its JSON.
struct Place {
  int16_t definition = 0;
  int16_t repetition = 0;
  int depth = 0;

  Place Optional() const { return {Up(definition), repetition, depth}; }
  Place Repeated() const { return {Up(definition), Up(repetition), depth}; }
  Place Deeper() const { return {definition, repetition, depth + 1}; }

 private:
  static int16_t Up(int16_t level) { return static_cast<int16_t>(level + 1); }
};

class SchemaCompiler {
 public:
  SchemaCompiler(const std::vector<std::string>& wanted, const FieldNames* names)
      : wanted_(wanted), names_(names) {}

  absl::StatusOr<std::shared_ptr<const ParquetSchema>> Compile(const GroupNode& root) {
    RETURN_IF_ERROR(CheckFieldIds(root));
    std::vector<std::string> names;
    ASSIGN_OR_RETURN(schema_.columns,
                     Members(root, "", wanted_.empty() ? Wanted::kAll : Wanted::kPart, {}));
    for (const ParquetNode& column : schema_.columns) names.push_back(column.name);
    schema_.shape = RowShape::Make(std::move(names));
    return std::make_shared<const ParquetSchema>(std::move(schema_));
  }

 private:
  enum class Wanted { kNone, kPart, kAll };

  // Without any id all columns would be null, which nobody intends.
  absl::Status CheckFieldIds(const GroupNode& root) const {
    if (names_ == nullptr || names_->by_name || root.field_count() == 0) return absl::OkStatus();
    for (int i = 0; i < root.field_count(); ++i) {
      if (root.field(i)->field_id() >= 0) return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        "its columns have no field ids, which are needed to find those of the table; give the "
        "table a name mapping (the property schema.name-mapping.default)");
  }

  Wanted WantedAt(const std::string& path) const {
    Wanted result = Wanted::kNone;
    for (const std::string& name : wanted_) {
      if (name == path) return Wanted::kAll;
      if (name.size() > path.size() && name.starts_with(path) && name[path.size()] == '.') {
        result = Wanted::kPart;
      }
    }
    return result;
  }

  // The requested fields of `group` that have leaves.
  absl::StatusOr<std::vector<ParquetNode>> Members(const GroupNode& group, const std::string& path,
                                                   Wanted wanted, Place place) {
    std::vector<ParquetNode> members;
    const std::vector<std::optional<std::string>> names = NamesOf(group, path);
    for (int i = 0; i < group.field_count(); ++i) {
      const Node& field = *group.field(i);
      if (!names[static_cast<size_t>(i)]) {
        next_column_ += CountLeaves(field);
        continue;
      }
      const std::string& name = *names[static_cast<size_t>(i)];
      const std::string field_path = path.empty() ? name : StrCat(path, ".", name);
      const Wanted field_wanted = wanted == Wanted::kAll ? wanted : WantedAt(field_path);
      const int leaves = CountLeaves(field);
      if (field_wanted == Wanted::kNone || leaves == 0) {
        next_column_ += leaves;
        continue;
      }
      if (!IsUtf8(field.name())) {
        return absl::DataLossError(StrCat("the name of a member of '", path, "' is not UTF-8"));
      }
      ASSIGN_OR_RETURN(ParquetNode member, Field(field, field_path, field_wanted, place));
      if (member.leaf_count == 0) continue;
      if (name != field.name()) SetName(member, name);
      members.push_back(std::move(member));
    }
    return members;
  }

  // The name of `field`, a member of the group at `path`; nullopt if names_ has none.
  std::optional<std::string> NameOf(const Node& field, const std::string& path) const {
    if (names_ == nullptr || (names_->by_name && !path.empty())) return field.name();
    if (names_->by_name) {
      const auto found = names_->by_name->find(field.name());
      return found == names_->by_name->end() ? std::nullopt : std::optional(found->second);
    }
    const auto found = names_->by_id.find(field.field_id());
    return found == names_->by_id.end() ? std::nullopt : std::optional(found->second);
  }

  // The names of the fields of `group`, made unique; nullopt: not read.
  std::vector<std::optional<std::string>> NamesOf(const GroupNode& group, const std::string& path) {
    std::vector<std::optional<std::string>> found;
    std::vector<std::string> names;
    for (int i = 0; i < group.field_count(); ++i) {
      found.push_back(NameOf(*group.field(i), path));
      if (found.back()) names.push_back(*found.back());
    }
    std::vector<RenamedColumn> renamed;
    names = UniqueColumnNames(std::move(names), renamed);
    for (RenamedColumn& column : renamed) {
      if (!path.empty())
        column = {StrCat(path, ".", column.name), StrCat(path, ".", column.read_as)};
      schema_.renamed.push_back(std::move(column));
    }
    if (path.empty()) schema_.names = names;
    auto unique = names.begin();
    for (std::optional<std::string>& name : found) {
      if (name) name = std::move(*unique++);
    }
    return found;
  }

  static void SetName(ParquetNode& node, const std::string& name) {
    node.name = name;
    node.key.clear();
    AppendJsonString(node.key, name);
    node.key += ':';
  }

  // A field with its repetition: null, one or many.
  absl::StatusOr<ParquetNode> Field(const Node& field, const std::string& path, Wanted wanted,
                                    Place place) {
    if (!field.is_repeated()) {
      return Content(field, path, wanted, field.is_optional() ? place.Optional() : place);
    }
    ParquetNode list = Begin(ParquetNode::Kind::kList, field, place);
    ASSIGN_OR_RETURN(ParquetNode element,
                     Content(field, path, Wanted::kAll, place.Repeated().Deeper()));
    list.repetition = place.Repeated().repetition;
    list.children.push_back(std::move(element));
    return Finish(std::move(list), path, place);
  }

  // The content of a field that is present.
  absl::StatusOr<ParquetNode> Content(const Node& field, const std::string& path, Wanted wanted,
                                      Place place) {
    if (field.is_primitive()) return Leaf(static_cast<const PrimitiveNode&>(field), path, place);
    const auto& group = static_cast<const GroupNode&>(field);
    const bool wraps_repeated = group.field_count() == 1 && group.field(0)->is_repeated();
    if (wraps_repeated && group.logical_type()->is_list()) return List(group, path, place);
    if (wraps_repeated && group.logical_type()->is_map() && group.field(0)->is_group() &&
        static_cast<const GroupNode&>(*group.field(0)).field_count() == 2) {
      return Map(group, path, place);
    }
    ParquetNode node = Begin(ParquetNode::Kind::kStruct, field, place);
    ASSIGN_OR_RETURN(node.children, Members(group, path, wanted, place.Deeper()));
    return Finish(std::move(node), path, place);
  }

  absl::StatusOr<ParquetNode> List(const GroupNode& group, const std::string& path, Place place) {
    const Node& repeated = *group.field(0);
    const Place inside = place.Repeated().Deeper();
    const std::string repeated_path = StrCat(path, ".", repeated.name());
    ParquetNode list = Begin(ParquetNode::Kind::kList, group, place);
    list.repetition = inside.repetition;
    if (IsListElement(group, repeated)) {
      ASSIGN_OR_RETURN(ParquetNode element, Content(repeated, repeated_path, Wanted::kAll, inside));
      list.children.push_back(std::move(element));
    } else {
      const Node& field = *static_cast<const GroupNode&>(repeated).field(0);
      ASSIGN_OR_RETURN(ParquetNode element, Field(field, StrCat(repeated_path, ".", field.name()),
                                                  Wanted::kAll, inside));
      list.children.push_back(std::move(element));
    }
    return Finish(std::move(list), path, place);
  }

  absl::StatusOr<ParquetNode> Map(const GroupNode& group, const std::string& path, Place place) {
    const auto& entry = static_cast<const GroupNode&>(*group.field(0));
    const Place inside = place.Repeated().Deeper();
    ParquetNode map = Begin(ParquetNode::Kind::kMap, group, place);
    map.repetition = inside.repetition;
    for (int i = 0; i < entry.field_count(); ++i) {
      const Node& field = *entry.field(i);
      ASSIGN_OR_RETURN(
          ParquetNode part,
          Field(field, StrCat(path, ".", entry.name(), ".", field.name()), Wanted::kAll, inside));
      map.children.push_back(std::move(part));
    }
    return Finish(std::move(map), path, place);
  }

  absl::StatusOr<ParquetNode> Leaf(const PrimitiveNode& field, const std::string& path,
                                   Place place) {
    ParquetNode node = Begin(ParquetNode::Kind::kLeaf, field, place);
    ParquetLeaf leaf;
    leaf.column = next_column_++;
    leaf.path = path;
    leaf.storage = StorageOf(field.physical_type());
    leaf.width = WidthOf(leaf.storage, field.type_length());
    leaf.max_definition = place.definition;
    leaf.max_repetition = place.repetition;
    SetRule(*field.logical_type(), leaf);
    if (leaf.scale < 0 || leaf.scale > kMaxScale) {
      return absl::InvalidArgumentError(StrCat("column ", path, " is a decimal of scale ",
                                               leaf.scale, "; the maximum is ", kMaxScale));
    }
    schema_.leaves.push_back(std::move(leaf));
    return Finish(std::move(node), path, place);
  }

  ParquetNode Begin(ParquetNode::Kind kind, const Node& field, Place place) {
    ParquetNode node;
    node.kind = kind;
    SetName(node, field.name());
    node.definition = place.definition;
    node.first_leaf = schema_.leaves.size();
    return node;
  }

  absl::StatusOr<ParquetNode> Finish(ParquetNode node, const std::string& path, Place place) {
    if (node.kind != ParquetNode::Kind::kLeaf && place.depth >= kMaxJsonDepth) {
      return absl::InvalidArgumentError(
          StrCat("column ", path, " nests deeper than ", kMaxJsonDepth, " levels"));
    }
    node.leaf_count = schema_.leaves.size() - node.first_leaf;
    return node;
  }

  const std::vector<std::string>& wanted_;
  const FieldNames* const names_;
  ParquetSchema schema_;
  int next_column_ = 0;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const ParquetSchema>> CompileParquetSchema(
    const parquet::SchemaDescriptor& schema, const std::vector<std::string>& wanted,
    const FieldNames* names) {
  return SchemaCompiler(wanted, names).Compile(*schema.group_node());
}

}  // namespace millrace
