// One pass over the JSON text of an event: everything is checked to be JSON, and what the rules
// look at is picked out. Values keep their text, so that nothing is lost on the way to the store.
#ifndef MILLRACE_SANDBOX_EVENT_TEXT_H_
#define MILLRACE_SANDBOX_EVENT_TEXT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sandbox/event_check.h"

namespace millrace::sandbox {

// A value as the rules see it.
struct Field {
  enum class Kind { kAbsent, kString, kNumber, kOther } kind = Kind::kAbsent;
  // The unescaped string, the number's text, "true", "null", "[]" and "{}" for the empty ones, and
  // "[...]" or "{...}" for others.
  std::string text;
};

struct EventText {
  Field event;
  Field time;
  Field distinct_id;
  Field insert_id;
  Field token;
  bool has_properties = false;
  bool has_identity = false;    // a $user_id or $device_id
  bool has_merged_ids = false;  // $distinct_ids is a list of two
  size_t property_count = 0;
  Splices splices;
};

class EventTextReader {
 public:
  EventTextReader();
  ~EventTextReader();

  enum class Result { kOk, kNotJson, kNotAnObject, kNotUtf8 };

  // Reads `record` (ByteBuffer::kPadding readable bytes follow it) into *text. For kNotUtf8,
  // *detail names the property (or "event", or "") with the first wrong byte; for kNotJson it says
  // why.
  Result Read(std::string_view record, EventText* text, std::string* detail);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_EVENT_TEXT_H_
