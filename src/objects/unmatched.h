// Objects of the input that match no entry of the config.
#ifndef MILLRACE_OBJECTS_UNMATCHED_H_
#define MILLRACE_OBJECTS_UNMATCHED_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "mapping/sources_config.h"

namespace millrace {

// InvalidArgument for an input of which none of the `objects` objects matches an entry of
// `sources`. It names the prefixes of the entries and `first`, the uris of the first objects.
absl::Status NoObjectFits(const SourcesConfig& sources, uint64_t objects,
                          const std::vector<std::string>& first);

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_UNMATCHED_H_
