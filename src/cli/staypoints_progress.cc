#include "cli/staypoints_progress.h"

#include <algorithm>

#include "base/strings.h"
#include "cli/text.h"

namespace millrace::cli {

std::string StaypointsProgressLine(const StaypointsProgress& progress, absl::Duration elapsed,
                                   bool terminal) {
  using Phase = StaypointsProgress::Phase;
  const Phase phase = progress.phase;
  if (phase == Phase::kLooking) return "inspecting the files";
  const bool reading = phase == Phase::kReading;
  const double share = reading ? Share(progress.rows, progress.estimated_rows)
                               : Share(progress.ranges_done, progress.ranges);
  const double seconds = std::max(1e-3, absl::ToDoubleSeconds(elapsed));
  std::string line = terminal ? StrCat(Bar(share, 24), " ") : std::string();
  StrAppend(&line, reading ? "1/2 reading  " : "2/2 sorting and writing  ",
            static_cast<int>(share * 100), "%  ", WithCommas(progress.rows), " trips  ");
  if (reading) {
    StrAppend(&line,
              WithCommas(static_cast<uint64_t>(static_cast<double>(progress.rows) / seconds)),
              " trips/s  ");
  } else {
    StrAppend(&line, WithCommas(progress.staypoints), " staypoints  ");
  }
  StrAppend(&line, "rejected ", WithCommas(progress.rejected), "  spilled ",
            Bytes(progress.bytes_spilled));
  return line;
}

StaypointsDisplay::StaypointsDisplay(const StaypointsProgress& progress, std::ostream& err,
                                     bool terminal)
    : lines_(
          [&progress, terminal](absl::Duration elapsed) {
            return std::vector<std::string>{StaypointsProgressLine(progress, elapsed, terminal)};
          },
          err, terminal) {}

}  // namespace millrace::cli
