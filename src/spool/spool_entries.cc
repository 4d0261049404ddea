#include "spool/spool_entries.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"

namespace millrace {

absl::StatusOr<SpoolEntries> MakeSpoolEntries(const std::string& transform) {
  if (!transform.empty()) {  // here, because the entries below would each report it
    RETURN_IF_ERROR(ReadWholeFile(transform, kMaxScriptBytes).status());
  }
  nlohmann::json config = nlohmann::json::array();
  for (const RecordType type : kAllRecordTypes) {
    nlohmann::json entry = {{"config_id", StrCat("proxy_", PluralOf(type))},
                            {"source_prefix", StrCat("spool:/", PluralOf(type))},
                            {"record_type", NameOf(type)}};
    if (!transform.empty()) entry["transform"] = transform;
    config.push_back(std::move(entry));
  }
  ASSIGN_OR_RETURN(const SourcesConfig parsed, SourcesConfig::Parse(config.dump(), "transform"));
  SpoolEntries entries;
  for (const auto& entry : parsed.entries()) entries[entry->record_type] = entry;
  return entries;
}

}  // namespace millrace
