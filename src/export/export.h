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
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/record_type.h"
#include "connectors/mixpanel/engage_query.h"
#include "connectors/mixpanel/raw_export.h"
#include "export/deleted_ids.h"
#include "export/event_windows.h"
#include "export/identity_events.h"
#include "import/import.h"
#include "pipeline/dead_letter_queue.h"
#include "pipeline/destination.h"
#include "pipeline/ledger.h"

namespace millrace {

// Of a snapshot.
struct ProfileSelection {
  std::string group_key;  // of groups
  std::string group_id;   // Mixpanel's number of the group key
  // Everything else that decides which profiles are exported, and what of them.
  std::string where;
  std::vector<std::string> properties;  // names; empty: all
  bool append = false;       // beside earlier snapshots, also if the destination can replace them
  bool allow_empty = false;  // a snapshot without profiles replaces earlier ones, too
};

struct IdentitySelection {
  IdMerge merge = IdMerge::kOriginal;
  uint64_t max_ids = 10'000'000;
};

struct ExportRequest {
  std::string project_id;
  RecordType type = RecordType::kEvent;
  std::string stream = "events";  // what is exported, in names of ledger objects: "groups-company"
  EventWindowOptions windows;     // of events and identities
  ProfileSelection profiles;      // of users and groups
  IdentitySelection identities;
  bool replace = false;  // of events: all windows are read, and replace what was delivered of them
  size_t queries_per_hour = 60;         // 0: no limit
  uint64_t rows_per_query = 1'000'000;  // small windows are joined up to this, larger ones split
  std::string state_folder;
  ImportRequest delivery;  // how records are mapped and written; its inputs are not used
};

// Everything outside the process.
struct ExportParts {
  mixpanel::RawExport raw_export;  // of events and identities
  // Begins to read a snapshot from its first page. `take_query`, which may be kept, waits before
  // each query until one more may be sent; the pages of a session are one.
  std::function<absl::StatusOr<std::unique_ptr<mixpanel::ProfilePages>>(
      std::function<absl::Status()> take_query)>
      open_profiles;
  absl::Span<const std::unique_ptr<Destination>> destinations;
  Ledger& ledger;
  DeadLetterQueue& dead_letter;
  Clock& clock = Clock::Real();
  const DeletedIds* deleted = nullptr;  // left out of identities
};

// The result for one destination. `delivery` counts rows: `read` are those that Mixpanel exported,
// `filtered` has those that the destination had already and repeats.
struct DestinationReport {
  ImportReport delivery;
  uint64_t windows = 0;          // that the destination has got, or that had nothing new
  uint64_t windows_skipped = 0;  // closed before
  uint64_t deleted = 0;          // rows of deleted users that were there
};

struct ExportReport {
  // Ok: all windows were read. Cancelled: a stop was requested. Otherwise the error that ended it.
  absl::Status status;
  std::vector<DestinationReport> destinations;  // in the order of ExportParts::destinations
  uint64_t queries = 0;                         // with retries
  uint64_t retries = 0;                         // of queries
  uint64_t bytes_read = 0;                      // of exported records, uncompressed
  uint64_t left_out = 0;                        // records of deleted users
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

// Exports a snapshot of which distinct_ids have another one in the end, from the events of
// `request.windows`. What earlier runs have found is in the state folder. Otherwise as
// ExportProfiles().
ExportReport ExportIdentities(const ExportRequest& request, const ExportParts& parts,
                              std::stop_token stop, ExportProgress& progress);

}  // namespace millrace

#endif  // MILLRACE_EXPORT_EXPORT_H_
