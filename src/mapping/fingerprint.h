// What makes two configs the same.
#ifndef MILLRACE_MAPPING_FINGERPRINT_H_
#define MILLRACE_MAPPING_FINGERPRINT_H_

#include <string>
#include <string_view>
#include <vector>

#include "mapping/sources_config.h"

namespace millrace {

// 32 hex digits: a hash of what `config` means, which no layout, comment or order of keys changes.
// `script` is the text of its transform. Stored in ledgers: what it says of a config must not
// change from one version of the program to the next without need.
std::string Fingerprint(const SourceConfig& config, std::string_view script);

// The same part by part: "prefix:1f0c24ab mappings:93b1d7e2 ...", names and short hashes of the
// parts that are not the default. Stored in ledgers beside the fingerprint.
std::string FingerprintParts(const SourceConfig& config, std::string_view script);

// The names, as in sources.json, of the parts by which two results of FingerprintParts() differ;
// none if one of them is empty, as in ledgers that did not keep it.
std::vector<std::string> ChangedParts(std::string_view before, std::string_view after);

}  // namespace millrace

#endif  // MILLRACE_MAPPING_FINGERPRINT_H_
