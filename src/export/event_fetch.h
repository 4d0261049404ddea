// Reads the days of one query of the raw export into files, one for each day.
#ifndef MILLRACE_EXPORT_EVENT_FETCH_H_
#define MILLRACE_EXPORT_EVENT_FETCH_H_

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "connectors/mixpanel/raw_export.h"
#include "export/day_queries.h"
#include "export/row_hashes.h"
#include "export/window_file.h"
#include "io/scratch_file.h"

namespace millrace {

struct EventSelection {
  std::vector<std::string> events;  // names; empty: all
  std::string where;                // an expression of Mixpanel; empty: all
  // How the project exports times: in UTC, or as local time of this zone that is written as if it
  // were UTC. The events that are delivered have true UTC times.
  absl::TimeZone zone = absl::UTCTimeZone();
};

// One day, fetched whole.
struct FetchedDay {
  absl::CivilDay day;  // of the project
  WindowFile file;     // temporary
  RowHashes hashes;    // of its rows
};

struct FetchedDays {
  std::vector<FetchedDay> days;
  uint64_t bytes = 0;  // of the records that were read
};

// One try of one query. The files are in `folder`, which exists and is empty; `hashes` has what is
// needed of their rows. Unavailable, as mixpanel::ExportRaw() returns it: try again. OutOfRange: an
// event is of another day than those of the query.
absl::StatusOr<FetchedDays> FetchEvents(const mixpanel::RawExport& raw_export,
                                        const EventSelection& selection, const DayQuery& query,
                                        const std::string& folder, ScratchFile& hashes,
                                        std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_EXPORT_EVENT_FETCH_H_
