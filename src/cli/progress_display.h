// Progress of a running import on stderr: two lines redrawn in place on a terminal, else a plain
// line from time to time.
#ifndef MILLRACE_CLI_PROGRESS_DISPLAY_H_
#define MILLRACE_CLI_PROGRESS_DISPLAY_H_

#include <iosfwd>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "import/import.h"

namespace millrace::cli {

// Draws from a thread of its own until it is destroyed.
class ProgressDisplay {
 public:
  ProgressDisplay(const ImportProgress& progress, std::ostream& err, bool terminal, bool color);
  ~ProgressDisplay();

 private:
  void Draw(std::stop_token stop);
  std::string TotalLine(absl::Duration elapsed) const;
  std::string ObjectLine() const;

  const ImportProgress& progress_;
  std::ostream& err_;
  const bool terminal_;
  const bool color_;
  std::jthread thread_;  // last
};

// "━━━━━╸     " of `width` cells, `share` in [0, 1].
std::string Bar(double share, int width);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_PROGRESS_DISPLAY_H_
