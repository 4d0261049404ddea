#include "import/waiting_feed.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr absl::Duration kPauseForEach = absl::Milliseconds(20);
constexpr absl::Duration kBetweenMessages = absl::Minutes(1);

}  // namespace

std::optional<ListedObject> WaitingFeed::TakeDue() {
  if (aside_.empty() || FirstDue() > clock_.Elapsed()) return std::nullopt;
  ListedObject object = std::move(aside_.front().object);
  aside_.pop_front();
  progress_.bytes_done -= object.info.size;
  return object;
}

bool WaitingFeed::Ready() {
  if (!aside_.empty() && FirstDue() <= clock_.Elapsed()) return true;
  if (MayTakeMore()) return feed_.Ready();
  return aside_.empty();  // the end
}

absl::StatusOr<std::optional<ListedObject>> WaitingFeed::Next(std::stop_token stop) {
  for (;;) {
    if (stop.stop_requested()) return absl::CancelledError("the run was stopped");
    if (std::optional<ListedObject> due = TakeDue()) {
      given_ = due;
      return due;
    }
    if (MayTakeMore()) {
      ASSIGN_OR_RETURN(given_, feed_.Next(stop));
      if (given_) return given_;
      ended_ = true;
      // Only objects that others hold are left: the caller sends what it has before it waits.
      if (!aside_.empty()) return ListedObject();
    }
    if (aside_.empty()) return std::nullopt;
    SayThatItWaits();
    clock_.SleepFor(FirstDue() - clock_.Elapsed(), stop);
  }
}

void WaitingFeed::Settle(const ObjectInfo& object, const ObjectOutcome& outcome) {
  if (outcome.kind != ObjectOutcome::Kind::kHeld) {
    feed_.Settle(object, outcome);
    return;
  }
  const absl::Duration pause = std::max(kPause, kPauseForEach * aside_.size());
  const double jitter = absl::Uniform(random_, 1.0, 1.25);
  // The order by time stays: it is a queue.
  const absl::Duration due = clock_.Elapsed() + pause * jitter;
  aside_.push_back({*std::exchange(given_, std::nullopt),
                    aside_.empty() ? due : std::max(due, aside_.back().due)});
}

void WaitingFeed::SayThatItWaits() {
  const absl::Duration now = clock_.Elapsed();
  if (now - said_at_ < kBetweenMessages) return;
  said_at_ = now;
  Log(Severity::kInfo, "waiting for objects that other workers hold",
      {{"objects", uint64_t{aside_.size()}}, {"first", aside_.front().object.info.uri}});
}

}  // namespace millrace
