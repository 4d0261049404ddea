// What an export says of a window that it has read whole.
#ifndef MILLRACE_EXPORT_RETRIEVED_H_
#define MILLRACE_EXPORT_RETRIEVED_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "export/export.h"

namespace millrace {

// Logs "retrieved: N records", also for none, and counts the window. Alerts depend on this line
// (docs/monitoring.md).
void NoteRetrieved(const std::string& window, uint64_t records, absl::Time now,
                   ExportProgress& progress);

}  // namespace millrace

#endif  // MILLRACE_EXPORT_RETRIEVED_H_
