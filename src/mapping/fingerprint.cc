#include "mapping/fingerprint.h"

#include "base/hash.h"
#include "base/strings.h"

namespace millrace {
namespace {

// Each part with its length before it, so that no two lists of parts give one text.
class Canonical {
 public:
  void Add(std::string_view part) { StrAppend(&text_, part.size(), ":", part, ";"); }
  void Add(int number) { Add(std::string_view(std::to_string(number))); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

std::string Fingerprint(const SourceConfig& config, std::string_view script) {
  Canonical canonical;
  canonical.Add("1");  // the form of this text
  canonical.Add(config.config_id);
  canonical.Add(config.source_prefix);
  canonical.Add(FileTypeName(config.file_type));
  canonical.Add(static_cast<int>(config.record_type));
  canonical.Add(config.event_name);
  canonical.Add(config.event_name_from_field);
  canonical.Add(static_cast<int>(config.mappings.size()));
  for (const FieldMapping& mapping : config.mappings) {
    canonical.Add(mapping.source_field);
    canonical.Add(mapping.mixpanel_field);
    canonical.Add(static_cast<int>(mapping.type));
    canonical.Add(mapping.required ? 1 : 0);
    canonical.Add(mapping.include_if_none ? 1 : 0);
  }
  canonical.Add(config.pass_through ? 1 : 0);
  canonical.Add(static_cast<int>(config.insert_id));
  canonical.Add(static_cast<int>(config.insert_id_columns.size()));
  for (const std::string& column : config.insert_id_columns) canonical.Add(column);
  canonical.Add(config.group_key);
  canonical.Add(config.operation);
  canonical.Add(config.time_zone.name());
  const std::vector<std::string> null_texts =
      config.null_texts.value_or(std::vector<std::string>());
  canonical.Add(static_cast<int>(null_texts.size()));
  for (const std::string& text : null_texts) canonical.Add(text);
  canonical.Add(config.mixpanel_format ? 1 : 0);
  canonical.Add(script);
  // Later keys count only if they are set, so that the entries of older ledgers keep theirs.
  if (config.null_texts && config.null_texts->empty()) canonical.Add("null_values");
  for (size_t i = 0; i < config.mappings.size(); ++i) {
    if (config.mappings[i].time_format == CompactTime::kNone) continue;
    canonical.Add("time_format");
    canonical.Add(static_cast<int>(i));
    canonical.Add(NameOf(config.mappings[i].time_format));
  }
  return ToHex(HashBytes(canonical.text()));
}

}  // namespace millrace
