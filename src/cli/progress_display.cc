#include "cli/progress_display.h"

#include <algorithm>

#include "base/strings.h"
#include "cli/text.h"

namespace millrace::cli {
ProgressDisplay::ProgressDisplay(const ImportProgress& progress, std::ostream& err, bool terminal,
                                 bool color)
    : progress_(progress),
      terminal_(terminal),
      color_(color),
      lines_([this](absl::Duration elapsed) { return Lines(elapsed); }, err, terminal) {}

std::vector<std::string> ProgressDisplay::Lines(absl::Duration elapsed) const {
  return {TotalLine(elapsed), ObjectLine()};
}

std::string ProgressDisplay::TotalLine(absl::Duration elapsed) const {
  const RunProgress& run = progress_.run;
  const uint64_t done = progress_.source.bytes_done;
  const uint64_t all = progress_.bytes_listed;
  const double share = Share(done, all);
  const double seconds = std::max(1e-3, absl::ToDoubleSeconds(elapsed));
  std::string line = StrCat(
      static_cast<int>(share * 100), "% of ", Bytes(all), "  ", WithCommas(run.rows_read),
      " rows  ", WithCommas(static_cast<uint64_t>(run.events_accepted / seconds)), " events/s  ");
  if (share > 0.01) {
    StrAppend(&line, "ETA ", Span(absl::Seconds(seconds * (1 - share) / share)), "  ");
  }
  StrAppend(&line, "in flight ", run.writes_in_flight.load(), "  retries ", run.retries.load(),
            "  rejected ", WithCommas(run.rows_rejected));
  if (terminal_) line = StrCat(Bar(share, 24), " ", line);
  return line;
}

std::string ProgressDisplay::ObjectLine() const {
  const SourceProgress::Current now = progress_.source.current();
  const double share = Share(now.bytes, now.size);
  std::string line = StrCat(Bar(share, 24), " ", static_cast<int>(share * 100), "% of ",
                            Bytes(now.size), "  ", Printable(BaseName(now.uri)));
  return color_ ? StrCat("\x1b[2m", line, "\x1b[0m") : line;
}

}  // namespace millrace::cli
