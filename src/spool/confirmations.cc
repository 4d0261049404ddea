#include "spool/confirmations.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "spool/log_source.h"

namespace millrace {
namespace {

constexpr uint64_t kAllRows = UINT64_MAX;

absl::Status Closed() {
  return absl::UnavailableError("the proxy ends before every destination has the records");
}

}  // namespace

void Confirmations::Close() {
  std::vector<Done> waiting;
  {
    absl::MutexLock lock(&mutex_);
    is_closed_ = true;
    for (auto& [segment, places] : segments_) {
      for (auto& [row, done] : places.waiting) waiting.push_back(std::move(done));
      places.waiting.clear();
    }
  }
  for (Done& done : waiting) done(Closed());
}

void Confirmations::SetFollowers(std::map<RecordType, std::set<std::string>> ledger_names) {
  absl::MutexLock lock(&mutex_);
  followers_ = std::move(ledger_names);
}

uint64_t Confirmations::ConfirmedRows(const Segment& segment, const Places& places) const {
  const auto followers = followers_.find(segment.first);
  if (followers == followers_.end()) return kAllRows;
  uint64_t rows = kAllRows;
  for (const std::string& name : followers->second) {
    const auto found = places.rows.find(name);
    rows = std::min(rows, found == places.rows.end() ? 0 : found->second);
  }
  return rows;
}

void Confirmations::Await(RecordType type, const FramePlace& place, Done done) {
  bool is_confirmed = false;
  {
    absl::MutexLock lock(&mutex_);
    const Segment segment(type, place.sequence);
    Places& places = segments_[segment];
    is_confirmed = ConfirmedRows(segment, places) >= place.end_row;
    if (!is_confirmed && !is_closed_) {
      places.waiting.emplace(place.end_row, std::move(done));
      return;
    }
  }
  done(is_confirmed ? absl::OkStatus() : Closed());
}

void Confirmations::OnStored(const LedgerEntry& entry) {
  const std::optional<uint64_t> sequence = SequenceOfObject(spool_id_, entry.key.object);
  if (!sequence) return;
  const auto type = std::find_if(
      std::begin(kAllRecordTypes), std::end(kAllRecordTypes),
      [&](RecordType one) { return entry.key.object == SegmentObject(spool_id_, *sequence, one); });
  if (type == std::end(kAllRecordTypes)) return;
  std::vector<Done> confirmed;
  {
    absl::MutexLock lock(&mutex_);
    const Segment segment(*type, *sequence);
    Places& places = segments_[segment];
    uint64_t& rows = places.rows[entry.key.destination];
    rows = entry.state == LedgerState::kDone ? kAllRows : std::max(rows, entry.position.row);
    const uint64_t all = ConfirmedRows(segment, places);
    const auto end = places.waiting.upper_bound(all);
    for (auto one = places.waiting.begin(); one != end; ++one) {
      confirmed.push_back(std::move(one->second));
    }
    places.waiting.erase(places.waiting.begin(), end);
    // It is sealed, so that nobody will ask about it any more.
    if (all == kAllRows) segments_.erase(segment);
  }
  for (Done& done : confirmed) done(absl::OkStatus());
}

}  // namespace millrace
