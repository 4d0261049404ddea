// Progress lines on stderr: redrawn in place on a terminal, else the first of them every ten
// seconds.
#ifndef MILLRACE_CLI_PROGRESS_LINES_H_
#define MILLRACE_CLI_PROGRESS_LINES_H_

#include <functional>
#include <iosfwd>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"

namespace millrace::cli {

// Draws from its own thread until it is destroyed, and then erases the lines.
class ProgressLines {
 public:
  // `lines` makes the lines, always the same number, from the elapsed time; called by that thread.
  using Make = std::function<std::vector<std::string>(absl::Duration elapsed)>;
  ProgressLines(Make lines, std::ostream& err, bool terminal);

 private:
  void Draw(std::stop_token stop);

  const Make lines_;
  std::ostream& err_;
  const bool terminal_;
  std::jthread thread_;  // last
};

// "━━━━━╸     " of `width` cells, `share` in [0, 1].
std::string Bar(double share, int width);

// part / whole, at most 1; 0 if `whole` is 0.
double Share(uint64_t part, uint64_t whole);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_PROGRESS_LINES_H_
