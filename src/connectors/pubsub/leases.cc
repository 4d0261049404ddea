#include "connectors/pubsub/leases.h"

#include <algorithm>
#include <utility>

namespace millrace::pubsub {
namespace {

constexpr size_t kRemembered = 1000;
// A lease is extended when this fraction of it has passed.
constexpr double kWhen = 2.0 / 3;

}  // namespace

Leases::Handle Leases::Add(std::string ack_id, size_t bytes, absl::Duration now, bool extend_now) {
  const Handle handle = next_++;
  held_.emplace(handle, Held{.ack_id = std::move(ack_id),
                             .bytes = bytes,
                             .since = now,
                             .due = extend_now ? now : now + options_.first * kWhen});
  bytes_ += bytes;
  return handle;
}

std::string Leases::Settle(Handle handle, absl::Duration now) {
  const auto found = held_.find(handle);
  if (found == held_.end()) return "";
  Held& held = found->second;
  held.settled = true;
  bytes_ -= std::exchange(held.bytes, 0);
  if (taken_.size() < kRemembered) {
    taken_.push_back(now - held.since);
  } else {
    taken_[taken_at_++ % kRemembered] = now - held.since;
  }
  return held.ack_id;
}

std::string Leases::Remove(Handle handle) {
  const auto found = held_.find(handle);
  if (found == held_.end()) return "";
  bytes_ -= found->second.bytes;
  std::string ack_id = std::move(found->second.ack_id);
  held_.erase(found);
  return ack_id;
}

std::vector<std::string> Leases::TakeDue(absl::Duration now) {
  std::vector<std::string> ack_ids;
  const absl::Duration next = now + extension() * kWhen;
  for (auto& [handle, held] : held_) {
    if (held.due > now) continue;
    if (now - held.since >= options_.max_held) {
      held.due = absl::InfiniteDuration();
      continue;
    }
    held.due = next;
    ack_ids.push_back(held.ack_id);
  }
  return ack_ids;
}

std::vector<std::string> Leases::TakeUnsettled() {
  std::vector<std::string> ack_ids;
  absl::erase_if(held_, [&](auto& entry) {
    Held& held = entry.second;
    if (held.settled) return false;
    bytes_ -= held.bytes;
    ack_ids.push_back(std::move(held.ack_id));
    return true;
  });
  return ack_ids;
}

void Leases::Postpone(const std::vector<std::string>& ack_ids, absl::Duration until) {
  for (auto& [handle, held] : held_) {
    if (std::find(ack_ids.begin(), ack_ids.end(), held.ack_id) != ack_ids.end()) held.due = until;
  }
}

absl::Duration Leases::NextDue() const {
  absl::Duration next = absl::InfiniteDuration();
  for (const auto& [handle, held] : held_) next = std::min(next, held.due);
  return next;
}

absl::Duration Leases::extension() const {
  if (taken_.empty()) return std::clamp(options_.first, options_.min, options_.max);
  std::vector<absl::Duration> sorted = taken_;
  const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() * 99 / 100);
  std::nth_element(sorted.begin(), at, sorted.end());
  return std::clamp(*at, options_.min, options_.max);
}

}  // namespace millrace::pubsub
