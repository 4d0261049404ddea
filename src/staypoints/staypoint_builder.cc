#include "staypoints/staypoint_builder.h"

#include <cstring>
#include <utility>

#include "base/status.h"
#include "staypoints/user_prefix.h"

namespace millrace {
namespace {

constexpr size_t kBlockStaypoints = 32 * 1024;

}  // namespace

StayCounts& StayCounts::operator+=(const StayCounts& other) {
  users += other.users;
  staypoints += other.staypoints;
  overlaps += other.overlaps;
  left_out += other.left_out;
  return *this;
}

StaypointBuilder::StaypointBuilder(const StayRules& rules, Sink sink)
    : rules_(rules),
      has_rules_(rules.min_stay || rules.max_gap || rules.drop_overlaps),
      sink_(std::move(sink)) {}

void StaypointBuilder::BeginUser(const TripRecord& trip) {
  char buffer[36];
  const std::string_view id = IdOf(trip, buffer);
  std::memcpy(id_buffer_, id.data(), id.size());
  id_size_ = id.size();
  is_counted_ = is_open_ = has_trip_ = false;
}

absl::Status StaypointBuilder::AddStaypoint(int64_t exit) {
  const bool is_overlap = end_ != kNullTime && exit < end_;
  counts_.overlaps += is_overlap ? 1 : 0;
  if (has_rules_ && IsLeftOut(end_, exit)) {
    ++counts_.left_out;
    return absl::OkStatus();
  }
  if (!is_open_) RETURN_IF_ERROR(OpenUser());
  ++counts_.staypoints;
  block_.enter.push_back(end_);
  block_.exit.push_back(exit);
  block_.lat.push_back(lat_);
  block_.lng.push_back(lng_);
  block_.users.back().end = block_.enter.size();
  return block_.enter.size() < kBlockStaypoints ? absl::OkStatus() : Flush();
}

bool StaypointBuilder::IsLeftOut(int64_t enter, int64_t exit) {
  if (enter == kNullTime) return rules_.min_stay || rules_.max_gap;
  const int64_t length = exit - enter;
  return (rules_.drop_overlaps && length < 0) || (rules_.min_stay && length < *rules_.min_stay) ||
         (rules_.max_gap && length > *rules_.max_gap);
}

absl::Status StaypointBuilder::OpenUser() {
  const std::string_view id(id_buffer_, id_size_);
  const UserPrefix prefix = PrefixOf(id);
  if (!block_.users.empty() && (prefix.p1 != block_.p1 || prefix.p2 != block_.p2)) {
    RETURN_IF_ERROR(Flush());
  }
  if (block_.users.empty()) {
    block_.p1.assign(prefix.p1);
    block_.p2.assign(prefix.p2);
    block_.continues_user = is_counted_;
  }
  block_.ids.Append(id);
  block_.users.push_back({block_.ids.size(), block_.enter.size()});
  counts_.users += is_counted_ ? 0 : 1;
  is_counted_ = is_open_ = true;
  return absl::OkStatus();
}

absl::Status StaypointBuilder::Flush() {
  if (block_.users.empty()) return absl::OkStatus();
  const absl::Status status = sink_(block_);
  block_.clear();
  is_open_ = false;
  return status;
}

absl::Status StaypointBuilder::Finish() { return Flush(); }

}  // namespace millrace
