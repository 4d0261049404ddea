#include "import/waiting_feed.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace millrace {
namespace {

constexpr absl::Duration kPauseForEach = absl::Milliseconds(20);
constexpr absl::Duration kBetweenMessages = absl::Minutes(1);

}  // namespace

void WaitingFeed::Peek(std::stop_token stop) {
  if (ended_ || !ahead_.ok() || ahead_->has_value() || aside_.size() >= kMostAside) return;
  ahead_ = feed_.Next(std::move(stop));
  ended_ = ahead_.ok() && !ahead_->has_value();
}

std::optional<ListedObject> WaitingFeed::TakeDue() {
  if (aside_.empty() || FirstDue() > clock_.Elapsed()) return std::nullopt;
  ListedObject object = std::move(aside_.front().object);
  aside_.pop_front();
  progress_.bytes_done -= object.info.size;
  return object;
}

bool WaitingFeed::Ready() {
  const bool may_have_more = !ended_ && aside_.size() < kMostAside;
  if (may_have_more && ahead_.ok() && !ahead_->has_value()) {
    if (!feed_.Ready()) return false;
    Peek({});
  }
  if (!ahead_.ok() || ahead_->has_value()) return true;
  return aside_.empty() || FirstDue() <= clock_.Elapsed();
}

absl::StatusOr<std::optional<ListedObject>> WaitingFeed::Next(std::stop_token stop) {
  for (;;) {
    if (stop.stop_requested()) return absl::CancelledError("the run was stopped");
    if (std::optional<ListedObject> due = TakeDue()) {
      given_ = due;
      return due;
    }
    Peek(stop);
    if (!ahead_.ok()) return ahead_.status();
    if (ahead_->has_value()) {
      given_ = *std::exchange(ahead_, std::nullopt);
      return given_;
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
