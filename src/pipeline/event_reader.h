// Reads back the events that a destination has, to compare them with their source.
#ifndef MILLRACE_PIPELINE_EVENT_READER_H_
#define MILLRACE_PIPELINE_EVENT_READER_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/event_identity.h"

namespace millrace {

// The events of some days with some names. A reader may return others as well.
struct EventQuery {
  // Since 1970-01-01, UTC, both inclusive.
  int64_t first_day = 0;
  int64_t last_day = 0;
  const absl::flat_hash_set<std::string>& names;
  bool all_names = false;  // whatever `names` has
};

// One thread at a time.
class EventReader {
 public:
  virtual ~EventReader() = default;

  // Sets the identity with which the destination returns `record`. InvalidArgument: `record` is no
  // event with a name and a time. One thread at a time for each that is made.
  using Identify = std::function<absl::Status(std::string_view record, EventIdentity& identity)>;
  virtual Identify NewIdentify() const = 0;

  // One try. Calls `on_event` with each event that the destination has, in any order, as often as
  // it has it; events without a time are left out. What is there but is no event has an empty name,
  // and its text as the key. A status of `on_event` ends the call with it. Unavailable: try again,
  // from the start. Cancelled: `stop` was requested. Other errors are permanent.
  using OnEvent = std::function<absl::Status(const EventIdentity& event)>;
  virtual absl::Status Read(const EventQuery& query, const OnEvent& on_event,
                            std::stop_token stop) = 0;

  // Asks the destination whether it keeps identities as they are written. FailedPrecondition, with
  // the remedy: it changes some, so that an event that is written may not be found. Other errors as
  // of Read().
  virtual absl::Status CheckKeepsIdentities(std::stop_token stop) {
    (void)stop;
    return absl::OkStatus();
  }

  // Whether an event that is written twice is there twice. Then a source row that is rejected must
  // have no event there. Otherwise the destination counts events with the same identity once.
  virtual bool keeps_repeats() const = 0;
  // The last day that can be read now. Later events may be there.
  virtual int64_t LastDay() const = 0;
  // How long after a write an event may not be readable yet.
  virtual absl::Duration max_delay() const = 0;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_EVENT_READER_H_
