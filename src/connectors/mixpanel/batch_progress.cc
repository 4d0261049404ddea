#include "connectors/mixpanel/batch_progress.h"

#include <algorithm>
#include <utility>

namespace millrace::mixpanel {

void BatchProgress::Begin(const Batch& batch) {
  if (aside_.has_value() && std::exchange(aside_, std::nullopt) == BatchIdentity::Of(batch)) return;
  open_.clear();
  refused_.clear();
  if (!batch.empty()) open_.push_back({0, batch.rows()});
  search_requests_left_ = kMaxSearchRequests;
  refusals_ = 0;
  words_.clear();
  told_apart_ = false;
  moved_ = false;
}

void BatchProgress::PutAside(const Batch& batch) {
  if (moved_) aside_ = BatchIdentity::Of(batch);
}

void BatchProgress::TakeFromNext(RowRange rows) {
  moved_ = true;
  open_.front().begin = rows.end;
  if (open_.front().size() == 0) open_.pop_front();
}

bool BatchProgress::refused_whole() const {
  if (refusals_ == 0 || told_apart_) return false;
  return finished() || (!in_order_ && refusals_ >= kMaxRefusals);
}

void BatchProgress::Complete(RowRange rows, std::vector<RefusedRow> refused) {
  TakeFromNext(rows);
  told_apart_ = true;
  for (RefusedRow& row : refused) {
    row.row += rows.begin;
    refused_.push_back(std::move(row));
  }
}

void BatchProgress::Refuse(RowRange rows, std::string_view code, std::string_view message) {
  TakeFromNext(rows);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    refused_.push_back({row, std::string(code), "", std::string(message)});
  }
}

void BatchProgress::Split(RowRange rows) {
  TakeFromNext(rows);
  const auto [first, second] = Halves(rows);
  open_.push_front(second);
  open_.push_front(first);
}

bool BatchProgress::Halve(RowRange rows) {
  if (rows.size() == 1 || search_requests_left_ < 2) return false;
  search_requests_left_ -= 2;
  if (in_order_) {
    Split(rows);
    return true;
  }
  // After the open ranges: bad rows are often adjacent, and the good ones should be found soon.
  TakeFromNext(rows);
  const auto [first, second] = Halves(rows);
  open_.push_back(first);
  open_.push_back(second);
  return true;
}

void BatchProgress::SearchRefused(RowRange rows, std::string_view words) {
  ++refusals_;
  if (words_.empty()) words_ = words;
  if (words_ != words) told_apart_ = true;
  if (!Halve(rows)) Refuse(rows, "rejected_by_destination", words);
  if (refusals_ == kMaxRefusedRanges && !told_apart_ && !in_order_) AddProbes();
}

bool BatchProgress::SearchUnclear(RowRange rows) {
  told_apart_ = true;
  return Halve(rows);
}

// Takes a row out of the middle of each open range, to be sent first. If these are refused too,
// each range must contain more than a few bad rows.
void BatchProgress::AddProbes() {
  std::deque<RowRange> probes;
  std::deque<RowRange> others;
  for (const RowRange range : open_) {
    if (range.size() == 1 || probes.size() == kMaxRefusedProbes || search_requests_left_ < 2) {
      others.push_back(range);
      continue;
    }
    search_requests_left_ -= 2;
    const size_t middle = range.begin + range.size() / 2;
    probes.push_back({middle, middle + 1});
    others.push_back({range.begin, middle});
    if (middle + 1 < range.end) others.push_back({middle + 1, range.end});
  }
  open_ = std::move(probes);
  open_.insert(open_.end(), others.begin(), others.end());
}

std::vector<RefusedRow> BatchProgress::Finish() {
  open_.clear();
  std::sort(refused_.begin(), refused_.end(),
            [](const RefusedRow& a, const RefusedRow& b) { return a.row < b.row; });
  return std::exchange(refused_, {});
}

}  // namespace millrace::mixpanel
