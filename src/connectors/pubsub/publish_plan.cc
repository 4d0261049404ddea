#include "connectors/pubsub/publish_plan.h"

#include <algorithm>
#include <utility>

namespace millrace::pubsub {

void PublishPlan::Begin(const Batch& batch, std::vector<Lane> lanes) {
  if (aside_ && std::exchange(aside_, std::nullopt) == BatchIdentity::Of(batch)) return;
  lanes_.clear();
  for (Lane& lane : lanes) {
    if (lane.empty()) continue;
    LaneState& state = lanes_.emplace_back();
    state.open.push_back({0, lane.size()});
    state.rows = std::move(lane);
  }
  next_lane_ = 0;
  refused_.clear();
  search_requests_left_ = kMaxSearchRequests;
  refusals_ = 0;
  words_.clear();
  told_apart_ = false;
}

void PublishPlan::PutAside(const Batch& batch) { aside_ = BatchIdentity::Of(batch); }

std::optional<PublishPlan::Request> PublishPlan::Next() {
  for (size_t tried = 0; tried < lanes_.size(); ++tried) {
    const size_t number = next_lane_;
    next_lane_ = (next_lane_ + 1) % lanes_.size();
    LaneState& lane = lanes_[number];
    if (lane.in_flight || lane.open.empty()) continue;
    const RowRange open = lane.open.front();
    size_t messages = lane.rows[open.begin].messages;
    size_t bytes = lane.rows[open.begin].bytes;
    size_t end = open.begin + 1;
    for (; end < open.end; ++end) {
      messages += lane.rows[end].messages;
      bytes += lane.rows[end].bytes;
      if (messages > limits_.messages || bytes > limits_.bytes) break;
    }
    lane.in_flight = true;
    return Request{number, open.begin,
                   absl::MakeConstSpan(lane.rows).subspan(open.begin, end - open.begin)};
  }
  return std::nullopt;
}

PublishPlan::LaneState& PublishPlan::Take(const Request& request) {
  LaneState& lane = lanes_[request.lane];
  lane.in_flight = false;
  lane.open.front().begin = request.begin + request.rows.size();
  if (lane.open.front().size() == 0) lane.open.pop_front();
  return lane;
}

void PublishPlan::Published(const Request& request) {
  Take(request);
  told_apart_ = true;
}

void PublishPlan::Refused(const Request& request, std::string_view words) {
  ++refusals_;
  if (words_.empty()) words_ = words;
  if (words_ != words) told_apart_ = true;
  LaneState& lane = Take(request);
  const size_t end = request.begin + request.rows.size();
  const bool is_last = end == lane.rows.size();
  const int reserved =
      told_apart_ || is_last ? 0 : kLastRowRequests * static_cast<int>(lanes_.size());
  if (request.rows.size() == 1 || search_requests_left_ < reserved + 2) {
    for (const SizedRow& row : request.rows) {
      refused_.push_back({.row = row.row, .message = std::string(words)});
    }
    return;
  }
  search_requests_left_ -= 2;
  const size_t middle = request.begin + request.rows.size() / 2;
  lane.open.push_front({middle, end});
  lane.open.push_front({request.begin, middle});
}

bool PublishPlan::finished() const {
  return std::all_of(lanes_.begin(), lanes_.end(),
                     [](const LaneState& lane) { return lane.open.empty(); });
}

bool PublishPlan::refused_whole() const { return refusals_ > 0 && !told_apart_ && finished(); }

std::vector<RefusedRow> PublishPlan::Finish() {
  lanes_.clear();
  std::sort(refused_.begin(), refused_.end(),
            [](const RefusedRow& a, const RefusedRow& b) { return a.row < b.row; });
  return std::exchange(refused_, {});
}

}  // namespace millrace::pubsub
