// The export program: reads windows of a Mixpanel project whole, and delivers to each destination
// the rows that it does not have.
#ifndef MILLRACE_EXPORT_EXPORT_H_
#define MILLRACE_EXPORT_EXPORT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/record_type.h"
#include "connectors/mixpanel/engage_query.h"
#include "connectors/mixpanel/raw_export.h"
#include "export/event_windows.h"
#include "import/import.h"
#include "pipeline/dead_letter_queue.h"
#include "pipeline/destination.h"
#include "pipeline/ledger.h"

namespace millrace {

struct ProfileSelection {
  std::string group_key;  // of groups
  std::string group_id;   // Mixpanel's number of the group key
  // Everything else that decides which profiles are exported, and what of them.
  std::string where;
  std::vector<std::string> properties;  // names; empty: all
  bool append = false;  // beside earlier snapshots, also if the destination can replace them
};

struct ExportRequest {
  std::string project_id;
  RecordType type = RecordType::kEvent;
  std::string stream = "events";  // what is exported, in names of ledger objects: "groups-company"
  EventWindowOptions windows;     // of events
  ProfileSelection profiles;      // of users and groups
  size_t queries_per_hour = 60;   // 0: no limit
  uint64_t rows_per_query = 1'000'000;  // small windows are joined up to this, larger ones split
  std::string state_folder;
  ImportRequest delivery;  // how records are mapped and written; its inputs are not used
};

// Everything outside the process.
struct ExportParts {
  mixpanel::RawExport raw_export;  // of events
  // Begins to read profiles from their first page.
  std::function<std::unique_ptr<mixpanel::ProfileReader>()> open_profiles;
  absl::Span<const std::unique_ptr<Destination>> destinations;
  Ledger& ledger;
  DeadLetterQueue& dead_letter;
  Clock& clock = Clock::Real();
};

// The result for one destination. `delivery` counts rows: `read` are those that Mixpanel exported,
// `filtered` has those that the destination had already and repeats.
struct DestinationReport {
  ImportReport delivery;
  uint64_t windows = 0;          // that the destination has got, or that had nothing new
  uint64_t windows_skipped = 0;  // closed before
};

struct ExportReport {
  // Ok: all windows were read. Cancelled: a stop was requested. Otherwise the error that ended it.
  absl::Status status;
  std::vector<DestinationReport> destinations;  // in the order of ExportParts::destinations
  uint64_t queries = 0;                         // with retries
  uint64_t retries = 0;                         // of queries
  uint64_t bytes_read = 0;                      // of exported records, uncompressed
  double elapsed_s = 0;

  bool success() const;
};

// Live numbers, readable from any thread.
struct ExportProgress {
  std::atomic<uint64_t> windows{0};  // to be read
  std::atomic<uint64_t> windows_read{0};
  std::atomic<uint64_t> queries{0};
  std::atomic<uint64_t> records{0};  // retrieved
  std::atomic<uint64_t> bytes{0};
  std::atomic<int64_t> retrieved_at{0};      // the last window, in seconds since 1970
  std::vector<ImportProgress> destinations;  // of as many as there are
};

// Exports events. Blocking; owns its threads. `stop` ends it early and safely.
ExportReport ExportEvents(const ExportRequest& request, const ExportParts& parts,
                          std::stop_token stop, ExportProgress& progress);

// Exports a snapshot of all users or of the groups of one key. A destination that can replace its
// records has the last snapshot, and nothing else of their type; others get it beside the earlier
// ones. Otherwise as ExportEvents().
ExportReport ExportProfiles(const ExportRequest& request, const ExportParts& parts,
                            std::stop_token stop, ExportProgress& progress);

}  // namespace millrace

#endif  // MILLRACE_EXPORT_EXPORT_H_
