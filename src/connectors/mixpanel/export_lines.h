// Splits the body of a raw export into records. Pure.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_EXPORT_LINES_H_
#define MILLRACE_CONNECTORS_MIXPANEL_EXPORT_LINES_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace millrace::mixpanel {

// One JSON object per line, plus the irregularities of real exports: empty lines, a record split
// over several lines (joined again), and the line "terminated early" if the server gave up.
class ExportLines {
 public:
  using OnLine = std::function<absl::Status(std::string_view)>;
  explicit ExportLines(OnLine on_line, size_t max_line_bytes = 16 << 20);

  // Takes the next bytes of the body. Unavailable: the server gave up, or a line is not a record.
  // DataLoss: a line is longer than allowed. An error of `on_line` is returned unchanged.
  absl::Status Push(std::string_view bytes);
  // The body has ended. Unavailable if it ended inside a record.
  absl::Status Finish();

 private:
  absl::Status TakeLine(std::string_view text);
  absl::Status Deliver();

  const OnLine on_line_;
  const size_t max_line_bytes_;
  std::string unfinished_;         // after the last line end
  std::string record_;             // a line that is whole if the next one begins a record
  bool record_is_joined_ = false;  // of several lines
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_EXPORT_LINES_H_
