// Groups trips in memory by user, in order.
#ifndef MILLRACE_STAYPOINTS_USER_GROUPS_H_
#define MILLRACE_STAYPOINTS_USER_GROUPS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "staypoints/trip_record.h"

namespace millrace {

// One thread at a time; its memory is reused.
class UserGroups {
 public:
  UserGroups();

  // Memory per trip besides the trip itself, if each is of another user.
  static constexpr size_t kBytesPerTrip = 96;

  // Calls `emit` with each record of `pieces` (which contain consecutive records): users in byte
  // order of their ids, each user's trips in order; begins_user is true for the first of each. The
  // first status that is not ok stops it.
  absl::Status ForEach(absl::Span<const std::string_view> pieces,
                       absl::FunctionRef<absl::Status(const TripRecord&, bool begins_user)> emit);

 private:
  struct User {
    const TripRecord* first;
    uint32_t trips;
  };
  struct Slot {
    uint32_t hash;
    uint32_t user;  // counted from 1; 0: free
  };
  struct Place {  // of a user in the order
    uint64_t head;
    uint32_t user;
  };
  struct Key {
    int64_t start;
    const TripRecord* trip;
  };

  uint64_t HashOf(const TripRecord& trip) const;
  uint32_t FindUser(const TripRecord& trip);
  void Grow();
  void GroupTrips(absl::Span<const std::string_view> pieces);
  void OrderUsers();
  void PlaceTrips(absl::Span<const std::string_view> pieces);

  const uint64_t seeds_[2];  // prevents crafted ids that collide
  std::vector<User> users_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> user_of_;  // of each trip, in the order of the pieces
  std::vector<Place> order_;
  std::vector<uint32_t> next_;  // by user: where its next trip goes
  std::vector<Key> keys_;       // the trips, user by user
};

// Calls `visit` with each record of `piece`.
template <typename Visit>
void ForEachRecord(std::string_view piece, Visit visit) {
  const char* at = piece.data();
  const char* const end = at + piece.size();
  while (at < end) {
    const auto& record = *reinterpret_cast<const TripRecord*>(at);
    visit(record);
    at += record.size();
  }
}

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_USER_GROUPS_H_
