// Objects of the input that no entry of the config fits.
#ifndef MILLRACE_OBJECTS_UNMATCHED_H_
#define MILLRACE_OBJECTS_UNMATCHED_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "mapping/sources_config.h"

namespace millrace {

// InvalidArgument for an input none of whose `objects` objects has an entry in `sources`: names the
// prefixes of the entries and `first`, the uris of the first objects.
absl::Status NoObjectFits(const SourcesConfig& sources, uint64_t objects,
                          const std::vector<std::string>& first);

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_UNMATCHED_H_
