// Progress of a running import on stderr: two lines redrawn in place on a terminal, else a plain
// line every ten seconds.
#ifndef MILLRACE_CLI_PROGRESS_DISPLAY_H_
#define MILLRACE_CLI_PROGRESS_DISPLAY_H_

#include <iosfwd>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cli/progress_lines.h"
#include "import/import.h"

namespace millrace::cli {

// Draws until it is destroyed.
class ProgressDisplay {
 public:
  // Of all destinations together.
  ProgressDisplay(const std::vector<ImportProgress>& progress, std::ostream& err, bool terminal,
                  bool color);

 private:
  std::vector<std::string> Lines(absl::Duration elapsed) const;
  std::string TotalLine(absl::Duration elapsed) const;
  std::string ObjectLine() const;

  const std::vector<ImportProgress>& progress_;
  const bool terminal_;
  const bool color_;
  ProgressLines lines_;  // last
};

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_PROGRESS_DISPLAY_H_
