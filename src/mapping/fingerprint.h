// When two configs are the same.
#ifndef MILLRACE_MAPPING_FINGERPRINT_H_
#define MILLRACE_MAPPING_FINGERPRINT_H_

#include <string>
#include <string_view>
#include <vector>

#include "mapping/sources_config.h"

namespace millrace {

// 32 hex digits: a hash of the meaning of `config`, independent of layout, comments and the order
// of keys. `script` is the text of its transform. Stored in ledgers: the hash of a config must not
// change between versions of the program without need.
std::string Fingerprint(const SourceConfig& config, std::string_view script);

// The same by part: "prefix:1f0c24ab mappings:93b1d7e2 ...", names and short hashes of the parts
// that are not the default. Stored in ledgers with the fingerprint.
std::string FingerprintParts(const SourceConfig& config, std::string_view script);

// The names, as in sources.json, of the parts that differ between two results of
// FingerprintParts(); none if one of them is empty, as in ledgers that did not store it.
std::vector<std::string> ChangedParts(std::string_view before, std::string_view after);

}  // namespace millrace

#endif  // MILLRACE_MAPPING_FINGERPRINT_H_
