// A block of staypoints of one output partition, as columns.
#ifndef MILLRACE_STAYPOINTS_STAYPOINT_BLOCK_H_
#define MILLRACE_STAYPOINTS_STAYPOINT_BLOCK_H_

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_buffer.h"

namespace millrace {

// Microseconds since 1970-01-01T00:00:00 UTC; this one stands for null.
inline constexpr int64_t kNullTime = std::numeric_limits<int64_t>::max();

// NaN stands for a null coordinate; NaNs in the input are rejected.
inline constexpr double kNullCoordinate = std::numeric_limits<double>::quiet_NaN();

struct StaypointBlock {
  // Staypoints [begin, end) of this block belong to one user.
  struct User {
    size_t id_end = 0;  // of its id in `ids`; it begins where the one before it ends
    size_t end = 0;     // of its staypoints; they begin where those of the one before it end
  };

  std::string p1;  // the first two characters of each user id
  std::string p2;  // and the next two
  ByteBuffer ids;
  std::vector<User> users;     // in byte order of their ids
  std::vector<int64_t> enter;  // kNullTime: null
  std::vector<int64_t> exit;
  std::vector<double> lat;  // NaN: null
  std::vector<double> lng;
  // A user with very many staypoints spans several blocks: the first user of this block is the last
  // one of the previous block.
  bool continues_user = false;

  size_t staypoints() const { return enter.size(); }
  std::string_view user_id(size_t user) const {
    return ids.view(user == 0 ? 0 : users[user - 1].id_end, users[user].id_end);
  }
  size_t begin(size_t user) const { return user == 0 ? 0 : users[user - 1].end; }

  void clear();
};

// Called once for every staypoint of a run, as it is written. Workers call it concurrently, each
// with its own number, so that statistics need no locks; they are added up after the run.
class StaypointObserver {
 public:
  virtual ~StaypointObserver() = default;
  // Called before the first block: workers are numbered from 0 below `workers`.
  virtual void Begin(int workers) = 0;
  virtual void OnStaypoints(int worker, const StaypointBlock& block) = 0;
};

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_STAYPOINT_BLOCK_H_
