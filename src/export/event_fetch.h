// Reads the windows of one query of the raw export into files, one for each window.
#ifndef MILLRACE_EXPORT_EVENT_FETCH_H_
#define MILLRACE_EXPORT_EVENT_FETCH_H_

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "connectors/mixpanel/raw_export.h"
#include "export/event_windows.h"
#include "export/row_hashes.h"
#include "export/window_file.h"
#include "io/scratch_file.h"

namespace millrace {

// One window, or a piece of it, fetched whole.
struct FetchedWindow {
  int64_t window = 0;
  WindowFile file;   // temporary
  RowHashes hashes;  // of its rows
};

struct FetchedWindows {
  std::vector<FetchedWindow> windows;
  uint64_t bytes = 0;  // of the records that were read
};

// One try of one query of `range`. The files are in `folder`, which exists; `hashes` has what is
// needed of their rows. Unavailable, as mixpanel::ExportRaw() returns it: try again. OutOfRange: an
// event belongs to another window than those of the query.
absl::StatusOr<FetchedWindows> FetchEvents(const mixpanel::RawExport& raw_export,
                                           const mixpanel::RawExportRequest& request,
                                           const EventWindows& windows, const WindowRange& range,
                                           const std::string& folder, ScratchFile& hashes,
                                           std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_EXPORT_EVENT_FETCH_H_
