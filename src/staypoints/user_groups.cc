#include "staypoints/user_groups.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "base/status.h"

namespace millrace {
namespace {

constexpr size_t kFewestSlots = 1024;

uint64_t RandomOdd() {
  std::random_device device;
  return (uint64_t{device()} << 32 | device()) | 1;
}

uint64_t LoadKey(const TripRecord& trip, size_t at) {
  uint64_t value;
  std::memcpy(&value, trip.key + at, sizeof(value));
  return value;
}

}  // namespace

UserGroups::UserGroups() : seeds_{RandomOdd(), RandomOdd()} {}

uint64_t UserGroups::HashOf(const TripRecord& trip) const {
  const auto product =
      static_cast<unsigned __int128>(LoadKey(trip, 0) ^ seeds_[0]) * (LoadKey(trip, 8) ^ seeds_[1]);
  return (static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64)) * seeds_[0];
}

uint32_t UserGroups::FindUser(const TripRecord& trip) {
  const uint64_t whole = HashOf(trip);
  const auto hash = static_cast<uint32_t>(whole >> 32);
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    Slot& slot = slots_[at];
    if (slot.user == 0) {
      users_.push_back({&trip, 0});
      slot = {hash, static_cast<uint32_t>(users_.size())};
      if (users_.size() * 2 > slots_.size()) Grow();
      return static_cast<uint32_t>(users_.size() - 1);
    }
    if (slot.hash == hash && SameUser(*users_[slot.user - 1].first, trip)) return slot.user - 1;
  }
}

void UserGroups::Grow() {
  std::vector<Slot> grown(slots_.size() * 2);
  const size_t mask = grown.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.user == 0) continue;
    size_t at = slot.hash & mask;
    while (grown[at].user != 0) at = (at + 1) & mask;
    grown[at] = slot;
  }
  slots_ = std::move(grown);
}

void UserGroups::GroupTrips(absl::Span<const std::string_view> pieces) {
  users_.clear();
  user_of_.clear();
  std::fill(slots_.begin(), slots_.end(), Slot{});
  if (slots_.empty()) slots_.resize(kFewestSlots);
  for (const std::string_view piece : pieces) {
    ForEachRecord(piece, [this](const TripRecord& trip) {
      const uint32_t user = FindUser(trip);
      ++users_[user].trips;
      user_of_.push_back(user);
    });
  }
}

void UserGroups::OrderUsers() {
  // Packed ids of one kind order as numbers do, so the records need not be read.
  const bool one_kind = std::all_of(users_.begin(), users_.end(), [this](const User& user) {
    return user.first->kind() == users_[0].first->kind() && user.first->kind() != IdKind::kLong;
  });
  order_.clear();
  for (uint32_t user = 0; user < users_.size(); ++user) {
    const uint64_t head = one_kind ? __builtin_bswap64(LoadKey(*users_[user].first, 0)) : 0;
    order_.push_back({head, user});
  }
  std::sort(order_.begin(), order_.end(), [this](const Place& a, const Place& b) {
    if (a.head != b.head) return a.head < b.head;
    return CompareUsers(*users_[a.user].first, *users_[b.user].first) < 0;
  });
}

void UserGroups::PlaceTrips(absl::Span<const std::string_view> pieces) {
  next_.resize(users_.size());
  uint32_t begin = 0;
  for (const Place& place : order_) {
    next_[place.user] = begin;
    begin += users_[place.user].trips;
  }
  keys_.resize(user_of_.size());
  size_t i = 0;
  for (const std::string_view piece : pieces) {
    ForEachRecord(piece, [&](const TripRecord& trip) {
      keys_[next_[user_of_[i++]]++] = {trip.start_and_kind, &trip};
    });
  }
}

absl::Status UserGroups::ForEach(
    absl::Span<const std::string_view> pieces,
    absl::FunctionRef<absl::Status(const TripRecord&, bool begins_user)> emit) {
  GroupTrips(pieces);
  OrderUsers();
  PlaceTrips(pieces);
  Key* trips = keys_.data();
  for (const Place& place : order_) {
    const size_t count = users_[place.user].trips;
    std::sort(trips, trips + count, [](const Key& a, const Key& b) {
      return a.start != b.start ? a.start < b.start : TripBefore(*a.trip, *b.trip);
    });
    for (size_t i = 0; i < count; ++i) RETURN_IF_ERROR(emit(*trips[i].trip, i == 0));
    trips += count;
  }
  return absl::OkStatus();
}

}  // namespace millrace
