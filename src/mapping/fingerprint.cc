#include "mapping/fingerprint.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_split.h"
#include "base/hash.h"
#include "base/strings.h"

namespace millrace {
namespace {

// Each part is preceded by its length, so that different lists of parts give different texts.
class Canonical {
 public:
  void Add(std::string_view part) { StrAppend(&text_, part.size(), ":", part, ";"); }
  void Add(int number) { Add(std::string_view(std::to_string(number))); }
  void Add(const std::vector<std::string>& texts) {
    Add(static_cast<int>(texts.size()));
    for (const std::string& text : texts) Add(text);
  }
  void Add(const std::vector<FieldMapping>& mappings) {
    Add(static_cast<int>(mappings.size()));
    for (const FieldMapping& mapping : mappings) {
      Add(mapping.source_field);
      Add(mapping.mixpanel_field);
      Add(static_cast<int>(mapping.type));
      Add(mapping.required ? 1 : 0);
      Add(mapping.include_if_none ? 1 : 0);
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

constexpr size_t kPartDigits = 8;

// Calls `visit` with the name of each part of a config, as in sources.json, and its text.
template <typename Visit>
void ForEachPart(const SourceConfig& config, std::string_view script, Visit visit) {
  const auto part = [&](const char* name, const auto&... values) {
    Canonical canonical;
    (canonical.Add(values), ...);
    visit(name, canonical.text());
  };
  std::vector<std::string> time_formats;
  for (const FieldMapping& mapping : config.mappings) {
    time_formats.emplace_back(NameOf(mapping.time_format));
  }
  part("source_prefix", config.source_prefix);
  part("file_type", FileTypeName(config.file_type));
  part("record_type", static_cast<int>(config.record_type));
  part("mixpanel_event_name", config.event_name);
  part("mixpanel_event_name_from_field", config.event_name_from_field);
  part("field_mappings", config.mappings, time_formats, config.pass_through ? 1 : 0,
       config.mixpanel_format ? 1 : 0);
  part("insert_id", static_cast<int>(config.insert_id), config.insert_id_columns);
  part("group_key", config.group_key);
  part("operation", config.operation);
  part("time_zone", config.time_zone.name());
  part("null_values", config.null_texts ? 1 : 0,
       config.null_texts.value_or(std::vector<std::string>()));
  part("quote", config.quote ? std::string(1, *config.quote) : std::string("default"));
  part("columns", config.columns);
  part("transform", script);
}

std::map<std::string_view, std::string_view> SplitParts(std::string_view parts) {
  std::map<std::string_view, std::string_view> split;
  for (const absl::string_view part : absl::StrSplit(ToAbsl(parts), ' ', absl::SkipEmpty())) {
    const size_t colon = std::min(part.find(':'), part.size());
    split[ToStd(part.substr(0, colon))] = ToStd(part.substr(colon));
  }
  return split;
}

}  // namespace

std::string Fingerprint(const SourceConfig& config, std::string_view script) {
  Canonical canonical;
  canonical.Add("1");  // the version of this text's form
  canonical.Add(config.config_id);
  canonical.Add(config.source_prefix);
  canonical.Add(FileTypeName(config.file_type));
  canonical.Add(static_cast<int>(config.record_type));
  canonical.Add(config.event_name);
  canonical.Add(config.event_name_from_field);
  canonical.Add(config.mappings);
  canonical.Add(config.pass_through ? 1 : 0);
  canonical.Add(static_cast<int>(config.insert_id));
  canonical.Add(config.insert_id_columns);
  canonical.Add(config.group_key);
  canonical.Add(config.operation);
  canonical.Add(config.time_zone.name());
  canonical.Add(config.null_texts.value_or(std::vector<std::string>()));
  canonical.Add(config.mixpanel_format ? 1 : 0);
  canonical.Add(script);
  // Newer keys count only if they are set, so that entries in older ledgers keep their
  // fingerprints.
  if (config.null_texts && config.null_texts->empty()) canonical.Add("null_values");
  for (size_t i = 0; i < config.mappings.size(); ++i) {
    if (config.mappings[i].time_format == CompactTime::kNone) continue;
    canonical.Add("time_format");
    canonical.Add(static_cast<int>(i));
    canonical.Add(NameOf(config.mappings[i].time_format));
  }
  if (config.quote) {
    canonical.Add("quote");
    canonical.Add(std::string_view(&*config.quote, 1));
  }
  if (!config.columns.empty()) {
    canonical.Add("columns");
    canonical.Add(static_cast<int>(config.columns.size()));
    for (const std::string& column : config.columns) canonical.Add(column);
  }
  return ToHex(HashBytes(canonical.text()));
}

std::string FingerprintParts(const SourceConfig& config, std::string_view script) {
  std::map<std::string, std::string> defaults;
  ForEachPart(SourceConfig(), "",
              [&](const char* name, const std::string& text) { defaults[name] = text; });
  std::string parts;
  ForEachPart(config, script, [&](const char* name, const std::string& text) {
    if (text == defaults[name]) return;
    StrAppend(&parts, parts.empty() ? "" : " ", name, ":",
              ToHex(HashBytes(text)).substr(0, kPartDigits));
  });
  return parts;
}

std::vector<std::string> ChangedParts(std::string_view before, std::string_view after) {
  if (before.empty() || after.empty()) return {};
  const auto was = SplitParts(before);
  const auto is = SplitParts(after);
  std::set<std::string> changed;
  for (const auto& [name, hash] : was) {
    if (const auto found = is.find(name); found == is.end() || found->second != hash) {
      changed.emplace(name);
    }
  }
  for (const auto& [name, hash] : is) {
    if (!was.contains(name)) changed.emplace(name);
  }
  return {changed.begin(), changed.end()};
}

}  // namespace millrace
