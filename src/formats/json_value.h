// One JSON value that is the text of something else: a CSV cell, a string.
#ifndef MILLRACE_FORMATS_JSON_VALUE_H_
#define MILLRACE_FORMATS_JSON_VALUE_H_

#include <memory>
#include <string_view>

#include "formats/value.h"

namespace millrace {

// Keeps its memory. One thread at a time.
class JsonValueParser {
 public:
  JsonValueParser();
  ~JsonValueParser();

  // Fills `value` with the value of `text`, as JsonDecoder shows cells: objects and lists on one
  // line, NaN as null. False if the text is not valid JSON, not UTF-8, nested deeper than
  // kMaxJsonDepth, blank, or followed by something else. Views are valid until the next call.
  bool Parse(std::string_view text, Value* value);

 private:
  struct Parts;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_JSON_VALUE_H_
