#include "cli/progress_display.h"

#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <ostream>

#include "base/clock.h"
#include "base/strings.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

constexpr absl::Duration kRedraw = absl::Milliseconds(200);
constexpr absl::Duration kPlainLine = absl::Seconds(10);
constexpr std::string_view kClearLine = "\r\x1b[K";
constexpr std::string_view kUp = "\x1b[A";

double Share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace

ProgressDisplay::ProgressDisplay(const ImportProgress& progress, std::ostream& err, bool terminal,
                                 bool color)
    : progress_(progress),
      err_(err),
      terminal_(terminal),
      color_(color),
      thread_([this](std::stop_token stop) { Draw(std::move(stop)); }) {
  pthread_setname_np(thread_.native_handle(), "progress");
}

ProgressDisplay::~ProgressDisplay() = default;

void ProgressDisplay::Draw(std::stop_token stop) {
  const absl::Duration begin = Clock::Real().Elapsed();
  bool drawn = false;
  while (Clock::Real().SleepFor(terminal_ ? kRedraw : kPlainLine, stop)) {
    const std::string total = TotalLine(Clock::Real().Elapsed() - begin);
    if (!terminal_) {
      err_ << total << std::endl;
      continue;
    }
    if (drawn) err_ << kClearLine << kUp;
    err_ << kClearLine << total << "\n" << kClearLine << ObjectLine() << std::flush;
    drawn = true;
  }
  if (drawn) err_ << kClearLine << kUp << kClearLine << std::flush;
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

std::string Bar(double share, int width) {
  const int full = static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * width));
  std::string bar;
  for (int i = 0; i < width; ++i) bar += i < full ? "█" : "░";
  return bar;
}

}  // namespace millrace::cli
