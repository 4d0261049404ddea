// How records of a spool are mapped for a destination.
#ifndef MILLRACE_SPOOL_SPOOL_ENTRIES_H_
#define MILLRACE_SPOOL_SPOOL_ENTRIES_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/record_type.h"
#include "mapping/sources_config.h"

namespace millrace {

using SpoolEntries = std::map<RecordType, std::shared_ptr<const SourceConfig>>;

// As they are, or by the JavaScript in the file `transform`. Errors of reading that file.
absl::StatusOr<SpoolEntries> MakeSpoolEntries(const std::string& transform = "");

}  // namespace millrace

#endif  // MILLRACE_SPOOL_SPOOL_ENTRIES_H_
