#include "connectors/mixpanel/batch_progress.h"

#include <utility>

namespace millrace::mixpanel {
namespace {

// Enough to find about a dozen bad rows among 2,000; a batch with more of them is given up sooner
// than it would cost thousands of requests.
constexpr int kMostSearches = 256;

template <typename T>
std::string_view AsBytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace

BatchProgress::Identity BatchProgress::Identify(const Batch& batch) {
  return {HashBytes(batch.bytes.view()), HashBytes(AsBytes(batch.row_ends)),
          HashBytes(AsBytes(batch.source_rows))};
}

void BatchProgress::Begin(const Batch& batch) {
  if (aside_.has_value() && std::exchange(aside_, std::nullopt) == Identify(batch)) return;
  open_.clear();
  refused_.clear();
  if (!batch.empty()) open_.push_back({0, batch.rows()});
  searches_left_ = kMostSearches;
  moved_ = false;
}

void BatchProgress::PutAside(const Batch& batch) {
  if (moved_) aside_ = Identify(batch);
}

void BatchProgress::TakeFromNext(RowRange rows) {
  moved_ = true;
  open_.back().begin = rows.end;
  if (open_.back().size() == 0) open_.pop_back();
}

void BatchProgress::Settle(RowRange rows, std::vector<RefusedRow> refused) {
  TakeFromNext(rows);
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
  open_.push_back(second);
  open_.push_back(first);
}

bool BatchProgress::SpendSearch() { return searches_left_-- > 0; }

std::vector<RefusedRow> BatchProgress::Finish() { return std::exchange(refused_, {}); }

}  // namespace millrace::mixpanel
