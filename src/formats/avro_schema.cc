#include "formats/avro_schema.h"

#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json_parse.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

using Json = nlohmann::json;
using Kind = AvroType::Kind;

constexpr size_t kMaxTypes = 10'000;
constexpr uint64_t kMaxFixedBytes = 1 << 20;

constexpr std::pair<std::string_view, Kind> kPrimitives[] = {
    {"null", Kind::kNull},   {"boolean", Kind::kBoolean}, {"int", Kind::kInt},
    {"long", Kind::kLong},   {"float", Kind::kFloat},     {"double", Kind::kDouble},
    {"bytes", Kind::kBytes}, {"string", Kind::kString},
};

std::optional<Kind> PrimitiveOf(std::string_view name) {
  for (const auto& [text, kind] : kPrimitives) {
    if (text == name) return kind;
  }
  return std::nullopt;
}

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(StrCat("the Avro schema ", what));
}

std::string TextOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

// Adds types depth first; named types are kept so that later ones can refer to them.
class AvroSchemaParser {
 public:
  absl::StatusOr<AvroSchema> Parse(const Json& json) {
    ASSIGN_OR_RETURN(schema_.root_, Add(json, ""));
    return std::move(schema_);
  }

 private:
  absl::StatusOr<uint32_t> Add(const Json& json, const std::string& scope) {
    if (json.is_string()) return AddName(json.get<std::string>(), scope);
    if (json.is_array()) return AddUnion(json, scope);
    if (!json.is_object()) return Wrong("has a type that is not a name, a list or an object");
    const auto type = json.find("type");
    if (type == json.end()) return Wrong("has an object without \"type\"");
    if (!type->is_string()) return Add(*type, scope);
    const auto kind = type->get<std::string>();
    if (kind == "record" || kind == "error") return AddRecord(json, scope);
    if (kind == "array" || kind == "map") {
      const auto element = json.find(kind == "array" ? "items" : "values");
      if (element == json.end()) return Wrong(StrCat("has ", kind, " without an item type"));
      ASSIGN_OR_RETURN(const uint32_t index, New(kind == "array" ? Kind::kArray : Kind::kMap));
      ASSIGN_OR_RETURN(schema_.types_[index].element, Add(*element, scope));
      return index;
    }
    if (kind == "fixed" || kind == "enum") return AddSized(json, kind == "fixed", scope);
    return AddName(kind, scope);
  }

  absl::StatusOr<uint32_t> New(Kind kind) {
    if (schema_.types_.size() >= kMaxTypes) return Wrong("has more than 10,000 types");
    schema_.types_.push_back({.kind = kind});
    return static_cast<uint32_t>(schema_.types_.size() - 1);
  }

  absl::StatusOr<uint32_t> AddName(const std::string& name, const std::string& scope) {
    if (const std::optional<Kind> kind = PrimitiveOf(name)) return New(*kind);
    for (const std::string& full : {FullName(name, scope), name}) {
      const auto known = named_.find(full);
      if (known != named_.end()) return known->second;
    }
    return Wrong(StrCat("refers to the unknown type '", name, "'"));
  }

  absl::StatusOr<uint32_t> AddUnion(const Json& json, const std::string& scope) {
    if (json.empty()) return Wrong("has an empty union");
    ASSIGN_OR_RETURN(const uint32_t index, New(Kind::kUnion));
    for (const Json& branch : json) {
      ASSIGN_OR_RETURN(const uint32_t type, Add(branch, scope));
      schema_.types_[index].branches.push_back(type);
    }
    return index;
  }

  absl::StatusOr<uint32_t> AddRecord(const Json& json, const std::string& scope) {
    ASSIGN_OR_RETURN(const uint32_t index, New(Kind::kRecord));
    const std::string inner = Remember(json, scope, index);
    const auto fields = json.find("fields");
    if (fields == json.end() || !fields->is_array()) return Wrong("has a record without fields");
    for (const Json& field : *fields) {
      const auto type = field.is_object() ? field.find("type") : field.end();
      if (!field.is_object() || type == field.end()) return Wrong("has a field without a type");
      ASSIGN_OR_RETURN(const uint32_t added, Add(*type, inner));
      schema_.types_[index].fields.push_back({TextOf(field, "name"), added});
    }
    return index;
  }

  absl::StatusOr<uint32_t> AddSized(const Json& json, bool is_fixed, const std::string& scope) {
    ASSIGN_OR_RETURN(const uint32_t index, New(is_fixed ? Kind::kFixed : Kind::kEnum));
    Remember(json, scope, index);
    const auto size = json.find(is_fixed ? "size" : "symbols");
    if (is_fixed && (size == json.end() || !size->is_number_unsigned() ||
                     size->get<uint64_t>() > kMaxFixedBytes)) {
      return Wrong("has a fixed type whose size is missing or above 1 MiB");
    }
    if (!is_fixed && (size == json.end() || !size->is_array())) {
      return Wrong("has an enum without symbols");
    }
    schema_.types_[index].size = is_fixed ? size->get<uint64_t>() : size->size();
    return index;
  }

  static std::string FullName(const std::string& name, const std::string& scope) {
    return scope.empty() || name.find('.') != name.npos ? name : StrCat(scope, ".", name);
  }

  // Returns the namespace for the types inside.
  std::string Remember(const Json& json, const std::string& scope, uint32_t index) {
    const std::string own = TextOf(json, "namespace");
    const std::string full = FullName(TextOf(json, "name"), own.empty() ? scope : own);
    named_.emplace(full, index);
    const size_t dot = full.rfind('.');
    return dot == full.npos ? "" : full.substr(0, dot);
  }

  AvroSchema schema_;
  std::map<std::string, uint32_t> named_;
};

absl::StatusOr<AvroSchema> AvroSchema::Parse(std::string_view json) {
  const std::optional<Json> parsed = ParseJson(json);
  if (!parsed) return Wrong("is not JSON, or is nested deeper than 64 levels");
  return AvroSchemaParser().Parse(*parsed);
}

}  // namespace millrace
