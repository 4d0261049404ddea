// Mixpanel's rules for one event (mixpanel.com: import API, strict mode), and the values that the
// store needs of a good one.
//
// Rejected: not a JSON object, `event` missing or blank, `properties` not an object,
// `properties.time` missing, not a number, before 1971 or more than an hour ahead, `distinct_id`
// missing (unless $user_id or $device_id is present) or one of the banned values, `$insert_id`
// missing, longer than 36 bytes, with characters other than [A-Za-z0-9-] or banned, 255 properties
// or more, 1 MB or more, text that is not UTF-8. $identify, $create_alias and $merge need none of
// time, distinct_id and $insert_id; $merge needs `$distinct_ids`, a list of two. /track generates a
// missing time and $insert_id, accepts a missing distinct_id, requires `properties.token`, and
// drops events older than five days. Events with `$ignore` are dropped silently, too.
//
// Changed: `ip` is removed, as Mixpanel only uses it to find the place; an event without a
// distinct_id, or with an empty one, gets its $user_id, else "$device:" and its $device_id.
//
// Not rejected: nesting deeper than 3, arrays and nested objects of 255 and more, strings above 255
// characters, list and object properties above 8 KB. Mixpanel documents them as limits or
// truncates, but no rejection of them has been observed. A time up to an hour ahead is kept
// unchanged, where Mixpanel may put "now".
#ifndef MILLRACE_SANDBOX_EVENT_CHECK_H_
#define MILLRACE_SANDBOX_EVENT_CHECK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/hash.h"

namespace millrace::sandbox {

enum class Endpoint { kImport, kTrack };

// Where an export changes the text of an event: `time` is replaced, and properties are added before
// the closing brace of `properties`.
struct Splices {
  uint32_t time_begin = 0;
  uint32_t time_end = 0;
  uint32_t properties_end = 0;
  // The properties had these already.
  bool has_processing_time = false;
  bool has_import = false;
  bool has_api_endpoint = false;
  bool has_api_timestamp = false;

  void NoteServerProperty(std::string_view name) {
    if (name == "mp_processing_time_ms") has_processing_time = true;
    if (name == "$import") has_import = true;
    if (name == "$mp_api_endpoint") has_api_endpoint = true;
    if (name == "$mp_api_timestamp_ms") has_api_timestamp = true;
  }
};

struct NewEvent {
  std::string name;
  std::string json;  // as received, on one line; with what the server changes
  int64_t time_ms = 0;
  Hash128 key;  // of event, distinct_id, time_ms and $insert_id
  Splices splices;
  Endpoint endpoint = Endpoint::kImport;
};

// As /import reports it.
struct Problem {
  std::string field;  // "event", "properties.time", "$insert_id", ...; "" for the whole record
  std::string message;
  std::string insert_id;
  bool silent = false;  // the server drops it and reports success
};

// Reuses its parser between events; one thread at a time.
class EventChecker {
 public:
  EventChecker();
  ~EventChecker();

  // Checks `record`, which ByteBuffer::kPadding readable bytes follow. True: *event is set. False:
  // *problem is. `now_ms` is the server's time, `made_up` a number unique to each record, used for
  // the $insert_id of /track.
  // Without `strict`, /import also generates a missing $insert_id.
  bool Check(std::string_view record, Endpoint endpoint, int64_t now_ms, uint64_t made_up,
             NewEvent* event, Problem* problem, bool strict = true);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// True for values that Mixpanel rejects as distinct_id and $insert_id, such as "anonymous", in any
// letter case.
bool IsBannedId(std::string_view id);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_EVENT_CHECK_H_
