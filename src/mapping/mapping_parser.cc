#include "mapping/mapping_parser.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/strings.h"
#include "mapping/value_text.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kEverything = "*";
constexpr CompactTime kTimeFormats[] = {CompactTime::kDate, CompactTime::kMinute,
                                        CompactTime::kSecond};

// In the order of FieldType, from kString on.
const std::vector<std::string_view> kTypes = {
    "string", "integer", "float", "boolean", "unix_timestamp_auto", "string_or_uuid", "json"};

void ReadTimeFormat(ConfigObject& reader, FieldMapping& mapping) {
  std::vector<std::string_view> names;
  for (const CompactTime format : kTimeFormats) names.push_back(NameOf(format));
  const std::optional<size_t> format = reader.Word("time_format", names);
  if (!format) return;
  mapping.time_format = kTimeFormats[*format];
  const bool is_time = mapping.type == FieldType::kUnixTimestampAuto ||
                       mapping.mixpanel_field == "time" || mapping.mixpanel_field == "$time";
  if (!is_time) {
    reader.Problem("time_format",
                   "is for times; give the mapping the type \"unix_timestamp_auto\"");
  }
}

std::optional<FieldMapping> ParseMapping(const Json& json, const std::string& where,
                                         ConfigProblems& problems) {
  ConfigObject reader(json, where, problems);
  if (!json.is_object()) return std::nullopt;
  FieldMapping mapping;
  for (const auto& [key, text] : {std::pair{"source_field", &mapping.source_field},
                                  std::pair{"mixpanel_field", &mapping.mixpanel_field}}) {
    const bool given = reader.Has(key);
    *text = reader.Text(key).value_or("");
    if (!given) reader.Problem(key, "is missing");
    if (given && text->empty() && json.at(key).is_string()) reader.Problem(key, "is empty");
  }
  if (const std::optional<size_t> type = reader.Word("type", kTypes)) {
    mapping.type = static_cast<FieldType>(*type + 1);
  }
  ReadTimeFormat(reader, mapping);
  mapping.required = reader.Flag("is_required_in_source");
  mapping.include_if_none = reader.Flag("include_if_none");
  reader.RejectUnknownKeys();
  return mapping;
}

// "*" means all columns; no rule can apply to them together.
void CheckEverything(const FieldMapping& mapping, const std::string& where,
                     ConfigProblems& problems) {
  if (mapping.source_field != mapping.mixpanel_field) {
    problems.Add(where, "\"*\" maps to \"*\" only: it passes each column under its own name");
  } else if (mapping.type != FieldType::kNone || mapping.required || mapping.include_if_none ||
             mapping.time_format != CompactTime::kNone) {
    problems.Add(where, "\"*\" takes no type and no flags; map that column on its own");
  }
}

// Profiles accept the id under both names.
std::string CanonicalTarget(const FieldMapping& mapping, RecordType type) {
  const bool alias = type == RecordType::kUser && mapping.mixpanel_field == "distinct_id";
  return alias ? "$distinct_id" : mapping.mixpanel_field;
}

}  // namespace

void ParseMappings(const Json& mappings, ConfigObject& entry, SourceConfig& config) {
  if (mappings.empty()) {
    entry.Problem(
        "field_mappings",
        "is empty; write at least { \"source_field\": \"*\", \"mixpanel_field\": \"*\" }, "
        "or leave the key out for files in Mixpanel's own format");
  }
  std::set<std::string> targets;
  for (size_t i = 0; i < mappings.size(); ++i) {
    const std::string where = StrCat(entry.where(), ": field_mappings #", i + 1);
    std::optional<FieldMapping> mapping = ParseMapping(mappings[i], where, entry.problems());
    if (!mapping || mapping->source_field.empty() || mapping->mixpanel_field.empty()) continue;
    const std::string target = CanonicalTarget(*mapping, config.record_type);
    if (!targets.insert(target).second) {
      entry.problems().Add(where, StrCat("a second mapping to \"", Shorten(target, 60),
                                         "\"; a property takes one column; remove the other"));
    } else if (mapping->source_field == kEverything || target == kEverything) {
      CheckEverything(*mapping, where, entry.problems());
      config.pass_through = true;
    } else {
      config.mappings.push_back(*std::move(mapping));
    }
  }
}

}  // namespace millrace
