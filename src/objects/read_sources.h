// sources.json, from a file or from an object store.
#ifndef MILLRACE_OBJECTS_READ_SOURCES_H_
#define MILLRACE_OBJECTS_READ_SOURCES_H_

#include <string>

#include "absl/status/statusor.h"
#include "mapping/sources_config.h"
#include "stores/open_store.h"

namespace millrace {

// Reads and parses the config at `uri`: a path, file:// or what OpenStore() takes. Errors name it.
absl::StatusOr<SourcesConfig> ReadSources(const std::string& uri, const StoreOptions& stores);

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_READ_SOURCES_H_
