#include "mapping/entry_parser.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/strings.h"
#include "formats/csv_dialect.h"
#include "io/durable_file.h"
#include "mapping/fingerprint.h"
#include "mapping/mapping_parser.h"
#include "mapping/value_text.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

const std::vector<std::string_view> kRecordTypes = {"event", "user", "group"};
const std::vector<std::string_view> kUserOperations = {"$set",   "$set_once", "$add",   "$append",
                                                       "$union", "$remove",   "$unset", "$delete"};
const std::vector<std::string_view> kGroupOperations = {"$set",    "$set_once", "$union",
                                                        "$remove", "$unset",    "$delete"};

std::string EntryName(const Json& json, size_t number) {
  if (json.is_object()) {
    const auto id = json.find("config_id");
    if (id != json.end() && id->is_string() && !id->get_ref<const std::string&>().empty()) {
      return StrCat("entry \"", Shorten(id->get_ref<const std::string&>(), 60), "\"");
    }
  }
  return StrCat("entry #", number);
}

void ReadRouting(ConfigObject& reader, SourceConfig& config) {
  config.config_id = reader.Text("config_id").value_or("");
  if (config.config_id.empty()) reader.Problem("config_id", "is missing; write a unique name");

  const bool both = reader.Has("source_gcs_prefix") && reader.Has("source_prefix");
  const std::string_view key = reader.Has("source_prefix") ? "source_prefix" : "source_gcs_prefix";
  if (both) reader.Problem(key, "means the same as source_gcs_prefix; remove one of them");
  if (!reader.Has(key)) {
    reader.Problem(key,
                   "is missing; write what the URIs begin with, such as \"gs://bucket/path/\"");
  }
  config.source_prefix = reader.Text(key).value_or("");

  if (const std::optional<std::string> name = reader.Text("file_type")) {
    const absl::StatusOr<FileType> type = ParseFileType(*name);
    if (type.ok()) config.file_type = *type;
    if (!type.ok()) reader.Problem("file_type", ToStd(type.status().message()));
  }
}

void ReadEventNames(ConfigObject& reader, SourceConfig& config) {
  for (const auto& [key, text] :
       {std::pair{"mixpanel_event_name", &config.event_name},
        std::pair{"mixpanel_event_name_from_field", &config.event_name_from_field}}) {
    if (!reader.Has(key)) continue;
    *text = reader.Text(key).value_or("");
    if (config.record_type != RecordType::kEvent) {
      reader.Problem(key, "is for events; remove it");
    } else if (config.mixpanel_format) {
      reader.Problem(key, "needs field_mappings: rows in Mixpanel's format carry their event name");
    } else if (text->empty()) {
      reader.Problem(key, "is empty; write a name or leave the key out");
    }
  }
  const bool named = !config.event_name.empty() || !config.event_name_from_field.empty();
  if (config.record_type == RecordType::kEvent && !config.mixpanel_format && !named) {
    config.event_name = "generic_event";
  }
}

void ReadProfileKeys(ConfigObject& reader, SourceConfig& config) {
  const bool group = config.record_type == RecordType::kGroup;
  const bool has_group_key = reader.Has("group_key");
  config.group_key = reader.Text("group_key").value_or("");
  if (has_group_key && !group)
    reader.Problem("group_key", "is for record_type \"group\"; remove it");
  if (group && config.group_key.empty() && (has_group_key || !config.mixpanel_format)) {
    reader.Problem("group_key", "is missing; write the group's key, such as \"company\"");
  }

  const bool has_operation = reader.Has("operation");
  const std::vector<std::string_view>& known = group ? kGroupOperations : kUserOperations;
  if (const std::optional<size_t> i = reader.Word("operation", known)) {
    config.operation = std::string(known[*i]);
  }
  if (has_operation && config.record_type == RecordType::kEvent) {
    reader.Problem("operation", "is for record_type \"user\" and \"group\"; remove it");
  } else if (has_operation && config.mixpanel_format) {
    reader.Problem("operation", "needs field_mappings: rows in Mixpanel's format carry their own");
  }
}

void ReadInsertId(ConfigObject& reader, const Json& json, SourceConfig& config) {
  if (!reader.Has("insert_id")) return;
  if (config.record_type != RecordType::kEvent) {
    reader.Problem("insert_id", "is for events; remove it");
  } else if (json.at("insert_id").is_array()) {
    config.insert_id = InsertIdRule::kColumns;
    config.insert_id_columns = reader.Texts("insert_id");
  } else if (const std::optional<size_t> rule = reader.Word("insert_id", {"content", "position"})) {
    config.insert_id = *rule == 0 ? InsertIdRule::kContent : InsertIdRule::kPosition;
  }
}

void ReadTextRules(ConfigObject& reader, SourceConfig& config) {
  if (const std::optional<std::string> name = reader.Text("time_zone")) {
    if (!absl::LoadTimeZone(ToAbsl(*name), &config.time_zone)) {
      reader.Problem("time_zone",
                     StrCat("\"", Shorten(*name, 60),
                            "\" is not known; write a name such as \"Europe/Berlin\""));
    }
  }
  if (reader.Has("null_values")) {
    config.null_texts = reader.Texts("null_values", /*may_be_empty=*/true);
  }
}

// How the cells of CSV and TSV are read.
void ReadCsvRules(ConfigObject& reader, SourceConfig& config) {
  const bool delimited = config.file_type == FileType::kAuto ||
                         config.file_type == FileType::kCsv || config.file_type == FileType::kTsv;
  for (const std::string_view key : {"quote", "columns"}) {
    if (!delimited && reader.Has(key)) {
      reader.Problem(key, StrCat("is for CSV and TSV, and file_type is ",
                                 FileTypeName(config.file_type), "; remove one of them"));
    }
  }
  if (const std::optional<std::string> quote = reader.Text("quote")) {
    const bool usable =
        quote->empty() || (quote->size() == 1 && absl::ascii_ispunct((*quote)[0]) &&
                           std::string_view(",;|").find(*quote) == std::string_view::npos);
    if (usable) config.quote = quote->empty() ? kNoQuote : (*quote)[0];
    if (!usable) {
      reader.Problem("quote",
                     StrCat("\"", Shorten(*quote, 60),
                            "\" is not a valid quote; write one character such as \"'\", or \"\" "
                            "if quotes are ordinary text"));
    }
  }
  if (!reader.Has("columns")) return;
  config.columns = reader.Texts("columns");
  for (size_t i = 0; i < config.columns.size(); ++i) {
    const auto before = config.columns.begin() + static_cast<ptrdiff_t>(i);
    if (std::find(config.columns.begin(), before, config.columns[i]) == before) continue;
    reader.Problem("columns", StrCat("names \"", Shorten(config.columns[i], 60),
                                     "\" twice; give each column a unique name"));
    break;
  }
}

void ReadTransform(ConfigObject& reader, const std::filesystem::path& folder,
                   SourceConfig& config) {
  const std::optional<std::string> name = reader.Text("transform");
  if (!name) return;
  if (name->empty()) {
    reader.Problem("transform", "is empty; write the path of a JavaScript file");
    return;
  }
  config.transform = (folder / *name).lexically_normal().string();
  absl::StatusOr<std::string> script = ReadWholeFile(config.transform, kMaxScriptBytes);
  if (!script.ok()) return reader.Problem("transform", ToStd(script.status().message()));
  config.transform_text = *std::move(script);
}

// The mappings that an entry needs for its records to be valid at all.
void CheckTargets(ConfigObject& reader, const SourceConfig& config) {
  const auto maps = [&](std::string_view target) {
    return std::any_of(config.mappings.begin(), config.mappings.end(),
                       [&](const FieldMapping& m) { return m.mixpanel_field == target; });
  };
  switch (config.record_type) {
    case RecordType::kEvent:
      if (!maps("time") && !config.pass_through && config.transform.empty()) {
        reader.Problem(
            "field_mappings",
            "nothing is mapped to \"time\", which every event needs; map a column to it");
      }
      return;
    case RecordType::kUser:
      if (!maps("$distinct_id") && !maps("distinct_id")) {
        reader.Problem("field_mappings",
                       "nothing is mapped to \"$distinct_id\"; map a column to it");
      }
      return;
    case RecordType::kGroup:
      if (!maps("$group_id")) {
        reader.Problem("field_mappings", "nothing is mapped to \"$group_id\"; map a column to it");
      }
      return;
  }
}

}  // namespace

SourceConfig ParseEntry(const Json& json, size_t number, const std::filesystem::path& folder,
                        ConfigProblems& problems) {
  SourceConfig config;
  ConfigObject reader(json, EntryName(json, number), problems);
  if (!json.is_object()) return config;
  config.mixpanel_format = !reader.Has("field_mappings");
  if (const std::optional<size_t> type = reader.Word("record_type", kRecordTypes)) {
    config.record_type = static_cast<RecordType>(*type);
  }
  ReadRouting(reader, config);
  ReadEventNames(reader, config);
  ReadProfileKeys(reader, config);
  ReadInsertId(reader, json, config);
  ReadTextRules(reader, config);
  ReadCsvRules(reader, config);
  ReadTransform(reader, folder, config);
  if (const Json* mappings = reader.Array("field_mappings")) {
    ParseMappings(*mappings, reader, config);
    CheckTargets(reader, config);
  }
  reader.RejectUnknownKeys();
  config.fingerprint = Fingerprint(config, config.transform_text);
  config.fingerprint_parts = FingerprintParts(config, config.transform_text);
  return config;
}

}  // namespace millrace
