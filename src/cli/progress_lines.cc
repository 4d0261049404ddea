#include "cli/progress_lines.h"

#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <string_view>
#include <utility>

#include "base/clock.h"

namespace millrace::cli {
namespace {

constexpr absl::Duration kRedraw = absl::Milliseconds(200);
constexpr absl::Duration kPlainLine = absl::Seconds(10);
constexpr std::string_view kClearLine = "\r\x1b[K";
constexpr std::string_view kUp = "\x1b[A";

}  // namespace

ProgressLines::ProgressLines(Make lines, std::ostream& err, bool terminal)
    : lines_(std::move(lines)),
      err_(err),
      terminal_(terminal),
      thread_([this](std::stop_token stop) { Draw(std::move(stop)); }) {
  pthread_setname_np(thread_.native_handle(), "progress");
}

void ProgressLines::Draw(std::stop_token stop) {
  const absl::Duration begin = Clock::Real().Elapsed();
  size_t drawn = 0;  // lines on the screen, the cursor in the last one
  const auto erase = [&] {
    for (size_t i = 0; i + 1 < drawn; ++i) err_ << kClearLine << kUp;
    if (drawn > 0) err_ << kClearLine;
  };
  while (Clock::Real().SleepFor(terminal_ ? kRedraw : kPlainLine, stop)) {
    const std::vector<std::string> lines = lines_(Clock::Real().Elapsed() - begin);
    if (!terminal_) {
      err_ << lines.front() << std::endl;
      continue;
    }
    erase();
    for (size_t i = 0; i < lines.size(); ++i) err_ << (i > 0 ? "\n" : "") << lines[i];
    err_ << std::flush;
    drawn = lines.size();
  }
  erase();
  err_ << std::flush;
}

std::string Bar(double share, int width) {
  const int full = static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * width));
  std::string bar;
  for (int i = 0; i < width; ++i) bar += i < full ? "█" : "░";
  return bar;
}

double Share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace millrace::cli
