#include "base/delayed_stop.h"

#include <pthread.h>

#include <utility>

#include "base/clock.h"

namespace millrace {
namespace {

std::stop_token Requested() {
  std::stop_source source;
  source.request_stop();
  return source.get_token();
}

// Waits for `stop`; false once `end` is requested.
bool AwaitStop(const std::stop_token& stop, const std::stop_token& end) {
  std::stop_source either;
  const auto request = [&either] { either.request_stop(); };
  const std::stop_callback on_stop(stop, request);
  const std::stop_callback on_end(end, request);
  Clock::Real().SleepFor(absl::InfiniteDuration(), either.get_token());
  return !end.stop_requested();
}

}  // namespace

DelayedStop::DelayedStop(std::stop_token stop, absl::Duration grace)
    : thread_([this, stop = std::move(stop), grace](std::stop_token end) {
        pthread_setname_np(pthread_self(), "mr-grace");
        if (!AwaitStop(stop, end)) return;
        if (Clock::Real().SleepFor(grace, std::move(end))) late_.request_stop();
      }) {}

DelayedStop::DelayedStop(absl::Duration grace) : DelayedStop(Requested(), grace) {}

}  // namespace millrace
