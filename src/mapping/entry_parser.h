// One entry of a sources.json.
#ifndef MILLRACE_MAPPING_ENTRY_PARSER_H_
#define MILLRACE_MAPPING_ENTRY_PARSER_H_

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "base/config_reader.h"
#include "mapping/sources_config.h"

namespace millrace {

// Reads entry `number` (1-based) and adds what is wrong with it to `problems`. Reads the
// transform's file, whose path is relative to `folder`, for the fingerprint.
SourceConfig ParseEntry(const nlohmann::json& json, size_t number,
                        const std::filesystem::path& folder, ConfigProblems& problems);

}  // namespace millrace

#endif  // MILLRACE_MAPPING_ENTRY_PARSER_H_
