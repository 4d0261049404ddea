// What makes two configs the same.
#ifndef MILLRACE_MAPPING_FINGERPRINT_H_
#define MILLRACE_MAPPING_FINGERPRINT_H_

#include <string>
#include <string_view>

#include "mapping/sources_config.h"

namespace millrace {

// 32 hex digits: a hash of what `config` means, which no layout, comment or order of keys changes.
// `script` is the text of its transform. Stored in ledgers: what it says of a config must not
// change from one version of the program to the next without need.
std::string Fingerprint(const SourceConfig& config, std::string_view script);

}  // namespace millrace

#endif  // MILLRACE_MAPPING_FINGERPRINT_H_
