// The field_mappings of an entry.
#ifndef MILLRACE_MAPPING_MAPPING_PARSER_H_
#define MILLRACE_MAPPING_MAPPING_PARSER_H_

#include <nlohmann/json_fwd.hpp>

#include "base/config_reader.h"
#include "mapping/sources_config.h"

namespace millrace {

// Reads the list `mappings` into `config`, whose record_type is already set; problems are added to
// those of `entry`.
void ParseMappings(const nlohmann::json& mappings, ConfigObject& entry, SourceConfig& config);

}  // namespace millrace

#endif  // MILLRACE_MAPPING_MAPPING_PARSER_H_
