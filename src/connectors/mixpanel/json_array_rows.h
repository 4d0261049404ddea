// Splits a JSON array that arrives piece by piece into its elements. Pure.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_JSON_ARRAY_ROWS_H_
#define MILLRACE_CONNECTORS_MIXPANEL_JSON_ARRAY_ROWS_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace millrace::mixpanel {

// Holds one element at a time. Elements are not checked to be JSON.
class JsonArrayRows {
 public:
  // `on_row` gets each element without the blanks outside of its texts, so that it is one line.
  using OnRow = std::function<absl::Status(std::string_view)>;
  explicit JsonArrayRows(OnRow on_row, size_t max_row_bytes = 16 << 20);

  // Takes the next bytes. Unavailable: it is no array. ResourceExhausted: an element is longer than
  // allowed. An error of `on_row` is returned unchanged.
  absl::Status Push(std::string_view bytes);
  // The bytes have ended. Unavailable: the array has not.
  absl::Status Finish() const;

 private:
  absl::Status Take(char c);
  absl::Status Deliver();

  const OnRow on_row_;
  const size_t max_row_bytes_;
  std::string row_;
  size_t depth_ = 0;  // of brackets; 0: before or after the array
  bool in_text_ = false;
  bool escaped_ = false;      // the next byte of a text belongs to a backslash
  bool needs_row_ = false;    // a comma was the last
  bool is_complete_ = false;  // the array has ended
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_JSON_ARRAY_ROWS_H_
