// Progress of `millrace staypoints`: phase, rows per second, bytes spilled.
#ifndef MILLRACE_CLI_STAYPOINTS_PROGRESS_H_
#define MILLRACE_CLI_STAYPOINTS_PROGRESS_H_

#include <iosfwd>
#include <string>

#include "cli/progress_lines.h"
#include "staypoints/staypoints.h"

namespace millrace::cli {

std::string StaypointsProgressLine(const StaypointsProgress& progress, absl::Duration elapsed,
                                   bool terminal);

// Draws until it is destroyed.
class StaypointsDisplay {
 public:
  StaypointsDisplay(const StaypointsProgress& progress, std::ostream& err, bool terminal);

 private:
  ProgressLines lines_;
};

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_STAYPOINTS_PROGRESS_H_
