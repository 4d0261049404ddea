// One pass over the JSON text of an event: checks all of its JSON and extracts the values that the
// rules need. Values keep their text, so that nothing is lost on the way to the store.
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
  // The unescaped string, the number's text, "true", "null", "[]" and "{}" for empty containers,
  // and "[...]" or "{...}" for others.
  std::string text;
};

// A position in the text; empty: none.
struct TextSpan {
  size_t begin = 0;
  size_t end = 0;
};

struct EventText {
  Field event;
  Field time;
  Field distinct_id;
  Field user_id;    // $user_id
  Field device_id;  // $device_id
  Field insert_id;
  Field token;
  bool has_properties = false;
  bool has_merged_ids = false;  // $distinct_ids is a list of two
  bool ignored = false;         // $ignore is present and true
  TextSpan distinct_id_value;   // the value's token
  TextSpan ip_member;           // key and value of a scalar `ip`, with one comma
  size_t property_count = 0;
  Splices splices;

  // The member for the property `name`; null if the rules do not need it.
  Field* FieldOf(std::string_view name) {
    if (name == "time") return &time;
    if (name == "distinct_id") return &distinct_id;
    if (name == "$user_id") return &user_id;
    if (name == "$device_id") return &device_id;
    if (name == "$insert_id") return &insert_id;
    return name == "token" ? &token : nullptr;
  }
};

class EventTextReader {
 public:
  EventTextReader();
  ~EventTextReader();

  enum class Result { kOk, kNotJson, kNotAnObject, kNotUtf8 };

  // Parses `record` (ByteBuffer::kPadding readable bytes follow it) into *text. For kNotUtf8,
  // *detail names the property (or "event", or "") with the first wrong byte; for kNotJson it has
  // the reason.
  Result Read(std::string_view record, EventText* text, std::string* detail);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_EVENT_TEXT_H_
