#include "sandbox/profile_update.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/hash.h"
#include "base/json_parse.h"
#include "base/strings.h"
#include "sandbox/limits.h"

namespace millrace::sandbox {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A name or number as text; "" for anything else.
std::string IdText(const Json& record, const char* name) {
  const auto found = record.find(name);
  if (found == record.end()) return "";
  if (found->is_string()) return found->get<std::string>();
  return found->is_number() ? Dump(*found) : "";
}

void Set(const Json& values, Json* properties) {
  for (const auto& [name, value] : values.items()) (*properties)[name] = value;
}

void SetOnce(const Json& values, Json* properties) {
  for (const auto& [name, value] : values.items()) {
    if (!properties->contains(name)) (*properties)[name] = value;
  }
}

void Add(const Json& values, Json* properties) {
  for (const auto& [name, value] : values.items()) {
    Json& property = (*properties)[name];
    if (!property.is_number()) property = 0;
    if (property.is_number_integer() && value.is_number_integer()) {
      int64_t sum;
      if (!__builtin_add_overflow(property.get<int64_t>(), value.get<int64_t>(), &sum)) {
        property = sum;
        continue;
      }
    }
    property = property.get<double>() + value.get<double>();
  }
}

// The list of that name; a value that is not a list becomes its first element.
Json& ListOf(const std::string& name, Json* properties) {
  Json& property = (*properties)[name];
  if (property.is_null()) {
    property = Json::array();
  } else if (!property.is_array()) {
    property = Json::array({property});
  }
  return property;
}

void Append(const Json& values, Json* properties) {
  for (const auto& [name, value] : values.items()) ListOf(name, properties).push_back(value);
}

void Union(const Json& values, Json* properties) {
  for (const auto& [name, value] : values.items()) {
    Json& list = ListOf(name, properties);
    for (const Json& element : value) {
      if (std::find(list.begin(), list.end(), element) == list.end()) list.push_back(element);
    }
  }
}

void Remove(const Json& values, Json* properties) {
  for (const auto& [name, value] : values.items()) {
    const auto found = properties->find(name);
    if (found == properties->end() || !found->is_array()) continue;
    const auto element = std::find(found->begin(), found->end(), value);
    if (element != found->end()) found->erase(element);
  }
}

void Unset(const Json& names, Json* properties) {
  for (const Json& name : names) properties->erase(name.get<std::string>());
}

bool IsObject(const Json& value) { return value.is_object(); }
bool IsObjectOfNumbers(const Json& value) {
  return value.is_object() && std::all_of(value.begin(), value.end(),
                                          [](const Json& member) { return member.is_number(); });
}
bool IsObjectOfLists(const Json& value) {
  return value.is_object() && std::all_of(value.begin(), value.end(),
                                          [](const Json& member) { return member.is_array(); });
}
bool IsListOfNames(const Json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(),
                                         [](const Json& member) { return member.is_string(); });
}

struct Operation {
  const char* name;
  bool (*fits)(const Json&);
  void (*apply)(const Json&, Json*);
  const char* expected;
};

constexpr auto kOperations = std::to_array<Operation>({
    {"$set", IsObject, Set, "an object"},
    {"$set_once", IsObject, SetOnce, "an object"},
    {"$add", IsObjectOfNumbers, Add, "an object of numbers"},
    {"$append", IsObject, Append, "an object"},
    {"$union", IsObjectOfLists, Union, "an object of lists"},
    {"$remove", IsObject, Remove, "an object"},
    {"$unset", IsListOfNames, Unset, "a list of names"},
});

constexpr char kDelete[] = "$delete";

}  // namespace

uint64_t DataGroupId(std::string_view group_key) {
  constexpr uint64_t kMax = (uint64_t{1} << 53) - 1;
  return std::max<uint64_t>(1, HashBytes(group_key).low & kMax);
}

struct ProfileUpdate::Operations {
  Json record;
};

ProfileUpdate::ProfileUpdate(std::unique_ptr<Operations> operations)
    : operations_(std::move(operations)) {}
ProfileUpdate::ProfileUpdate(ProfileUpdate&&) noexcept = default;
ProfileUpdate& ProfileUpdate::operator=(ProfileUpdate&&) noexcept = default;
ProfileUpdate::~ProfileUpdate() = default;

absl::StatusOr<ProfileUpdate> ProfileUpdate::Parse(std::string_view record, ProfileKind kind) {
  if (record.size() >= kEventBytesBound) {
    return absl::InvalidArgumentError(
        StrCat("the update must be smaller than ", kEventBytesBound, " bytes"));
  }
  std::optional<Json> json = ParseOrderedJson(record);
  if (!json) return absl::InvalidArgumentError("the record is not valid JSON");
  if (!json->is_object()) return absl::InvalidArgumentError("the record is not a JSON object");
  if (IdText(*json, "$token").empty()) {
    return absl::InvalidArgumentError("$token, missing or empty");
  }
  ProfileKey key;
  key.kind = kind;
  const char* const id_name = kind == ProfileKind::kUser ? "$distinct_id" : "$group_id";
  if (kind == ProfileKind::kGroup) {
    key.group_key = IdText(*json, "$group_key");
    if (key.group_key.empty()) {
      return absl::InvalidArgumentError("$group_key, missing or empty");
    }
  }
  key.id = IdText(*json, id_name);
  if (key.id.empty()) return absl::InvalidArgumentError(StrCat(id_name, ", missing or empty"));
  bool has_operation = json->contains(kDelete);
  for (const Operation& operation : kOperations) {
    const auto value = json->find(operation.name);
    if (value == json->end()) continue;
    has_operation = true;
    if (!operation.fits(*value)) {
      return absl::InvalidArgumentError(
          StrCat(operation.name, " is invalid: must be ", operation.expected));
    }
  }
  if (!has_operation) {
    return absl::InvalidArgumentError("no operation such as $set in the record");
  }
  ProfileUpdate update(std::make_unique<Operations>(Operations{*std::move(json)}));
  update.key_ = std::move(key);
  return update;
}

std::optional<std::string> ProfileUpdate::Apply(
    const std::optional<std::string>& properties) const {
  const Json& record = operations_->record;
  if (record.contains(kDelete)) return std::nullopt;
  Json changed = Json::object();
  if (properties) changed = Json::parse(*properties, nullptr, /*allow_exceptions=*/false);
  for (const Operation& operation : kOperations) {
    if (const auto value = record.find(operation.name); value != record.end()) {
      operation.apply(*value, &changed);
    }
  }
  return Dump(changed);
}

absl::StatusOr<std::string> SelectProperties(std::string_view properties, std::string_view names) {
  const std::optional<Json> wanted = ParseOrderedJson(names);
  if (!wanted || !IsListOfNames(*wanted)) {
    return absl::InvalidArgumentError("output_properties must be a JSON array of names");
  }
  const std::optional<Json> all = ParseOrderedJson(properties);
  Json selected = Json::object();
  for (const Json& name : *wanted) {
    const auto key = name.get<std::string>();
    if (all && all->contains(key)) selected[key] = (*all)[key];
  }
  return Dump(selected);
}

}  // namespace millrace::sandbox
