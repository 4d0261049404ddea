// The accepted events. All of them are kept as received, including duplicates, as Mixpanel's raw
// export shows them; `unique` counts the different four keys.
#ifndef MILLRACE_SANDBOX_EVENT_STORE_H_
#define MILLRACE_SANDBOX_EVENT_STORE_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sandbox/event_check.h"

namespace millrace::sandbox {

class SqliteDatabase;

// Views are valid during the visit.
struct StoredEvent {
  uint64_t id = 0;  // 1, 2, ... in the order of arrival
  std::string_view name;
  std::string_view json;
  int64_t time_ms = 0;
  int64_t received_ms = 0;
  Splices splices;
  Endpoint endpoint = Endpoint::kImport;
};

struct EventTotals {
  uint64_t stored = 0;
  uint64_t unique = 0;
  std::map<std::string, uint64_t, std::less<>> by_event;  // stored, by name
};

struct EventFilter {
  int64_t from_ms = std::numeric_limits<int64_t>::min();  // inclusive
  int64_t to_ms = std::numeric_limits<int64_t>::max();    // exclusive
  std::vector<std::string> names;                         // empty: all
};

// Thread-safe. Errors are those of the disk.
class EventStore {
 public:
  virtual ~EventStore() = default;

  // All or none.
  virtual absl::Status Add(absl::Span<const NewEvent> events, int64_t received_ms) = 0;

  // Visits events with an id above `after` that pass the filter, in order, until the visitor
  // returns false or the limit of one call is reached. Returns the last id that was looked at, from
  // which to resume, or `after` itself if there is none after it. The store may be locked during
  // the call.
  using Visitor = std::function<bool(const StoredEvent&)>;
  virtual absl::StatusOr<uint64_t> Read(uint64_t after, const EventFilter& filter,
                                        const Visitor& visitor) = 0;

  virtual uint64_t last_id() = 0;
  virtual EventTotals totals() = 0;
  virtual absl::Status Clear() = 0;  // ids are not reused
};

std::unique_ptr<EventStore> NewMemoryEventStore();
absl::StatusOr<std::unique_ptr<EventStore>> NewSqliteEventStore(
    std::shared_ptr<SqliteDatabase> database);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_EVENT_STORE_H_
