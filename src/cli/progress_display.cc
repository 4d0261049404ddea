#include "cli/progress_display.h"

#include <algorithm>

#include "base/strings.h"
#include "cli/text.h"

namespace millrace::cli {
ProgressDisplay::ProgressDisplay(const std::vector<ImportProgress>& progress, std::ostream& err,
                                 bool terminal, bool color)
    : progress_(progress),
      terminal_(terminal),
      color_(color),
      lines_([this](absl::Duration elapsed) { return Lines(elapsed); }, err, terminal) {}

std::vector<std::string> ProgressDisplay::Lines(absl::Duration elapsed) const {
  return {TotalLine(elapsed), ObjectLine()};
}

std::string ProgressDisplay::TotalLine(absl::Duration elapsed) const {
  uint64_t done = 0, all = 0, rows = 0, events = 0, retries = 0, rejected = 0;
  int in_flight = 0;
  for (const ImportProgress& one : progress_) {
    done += one.source.bytes_done;
    all += one.bytes_listed;
    rows += one.run.rows_read;
    events += one.run.events_accepted;
    in_flight += one.run.writes_in_flight;
    retries += one.run.retries;
    rejected += one.run.rows_rejected;
  }
  const double share = Share(done, all);
  const double seconds = std::max(1e-3, absl::ToDoubleSeconds(elapsed));
  std::string line = StrCat(
      static_cast<int>(share * 100), "% of ", Bytes(all), "  ", WithCommas(rows), " rows  ",
      WithCommas(static_cast<uint64_t>(static_cast<double>(events) / seconds)), " events/s  ");
  if (share > 0.01) {
    StrAppend(&line, "ETA ", Span(absl::Seconds(seconds * (1 - share) / share)), "  ");
  }
  StrAppend(&line, "in flight ", in_flight, "  retries ", retries, "  rejected ",
            WithCommas(rejected));
  if (terminal_) line = StrCat(Bar(share, 24), " ", line);
  return line;
}

std::string ProgressDisplay::ObjectLine() const {
  const SourceProgress::Current now = progress_.front().source.current();
  const double share = Share(now.bytes, now.size);
  std::string line = StrCat(Bar(share, 24), " ", static_cast<int>(share * 100), "% of ",
                            Bytes(now.size), "  ", Printable(BaseName(now.uri)));
  return color_ ? StrCat("\x1b[2m", line, "\x1b[0m") : line;
}

}  // namespace millrace::cli
