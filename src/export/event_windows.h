// The windows of an export of events: what they are called, when they can be read, and by which
// queries. Pure.
#ifndef MILLRACE_EXPORT_EVENT_WINDOWS_H_
#define MILLRACE_EXPORT_EVENT_WINDOWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "connectors/mixpanel/raw_export.h"

namespace millrace {

struct EventSelection {
  std::vector<std::string> events;      // names; empty: all
  std::string where;                    // an expression of Mixpanel; empty: all
  std::vector<std::string> properties;  // names; empty: all
  std::string script;                   // with WindowsBy::kScript: everything that decides its rows
  // How the project exports times: in UTC, or as local time of this zone that is written as if it
  // were UTC. The events that are delivered have true UTC times.
  absl::TimeZone zone = absl::UTCTimeZone();
};

enum class WindowsBy {
  kEventDate,       // days of the project, read again until `late` has passed since their end
  kProcessingTime,  // hours in UTC in which Mixpanel received events, read once after `settle`
  kScript,          // the same hours, one a query, whose rows a script selects
};

struct EventWindowOptions {
  WindowsBy by = WindowsBy::kEventDate;
  EventSelection selection;
  absl::CivilDay since, until;  // the days [since, until): of events, or of their arrival
  absl::Duration late = absl::Hours(5 * 24);
  absl::Duration settle = absl::Minutes(30);        // until what has arrived is in the export
  absl::Duration look_back = absl::Hours(30 * 24);  // events that are older on arrival are missed
};

// The windows [first, last].
struct WindowRange {
  int64_t first = 0;
  int64_t last = 0;
  int64_t size() const { return last - first + 1; }
  friend bool operator==(const WindowRange&, const WindowRange&) = default;
};

// A window is a number: of days or hours since 1970.
class EventWindows {
 public:
  static constexpr int kMaxPieces = 24;

  explicit EventWindows(EventWindowOptions options) : options_(std::move(options)) {}

  const EventWindowOptions& options() const { return options_; }
  // Those that can be read now; nullopt: none.
  std::optional<WindowRange> Readable(absl::Time now) const;
  // Whether a window that is read now is not read again.
  bool Closes(int64_t window, absl::Time now) const;
  // "2026-11-29", "processed-2026-11-29T10", "script-2026-11-29T10".
  std::string NameOf(int64_t window) const;
  // The times of the events of a window of event dates, by its name: [first, second).
  // InvalidArgument: it is another window, whose events have any times.
  absl::StatusOr<std::pair<absl::Time, absl::Time>> TimesOf(const std::string& name) const;
  // How many windows one query may read.
  int64_t max_windows() const {
    return options_.by == WindowsBy::kScript ? 1 : IsByDate() ? 31 : 48;
  }

  // The query of some windows, or piece `piece` of `pieces` of one window.
  mixpanel::RawExportRequest RequestFor(const WindowRange& windows, int piece, int pieces,
                                        absl::Time now) const;

  // The window of an event, by its time as it is exported and the time of its arrival.
  int64_t WindowOf(int64_t exported_millis, std::optional<int64_t> processed_millis) const;
  bool IsByDate() const { return options_.by == WindowsBy::kEventDate; }

 private:
  const EventWindowOptions options_;
};

}  // namespace millrace

#endif  // MILLRACE_EXPORT_EVENT_WINDOWS_H_
