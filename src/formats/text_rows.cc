#include "formats/text_rows.h"

#include <utility>

#include "base/strings.h"

namespace millrace {
namespace {

constexpr size_t kMostPooled = 64;
constexpr size_t kMostPooledBytes = 4 << 20;  // rare giants go back to the system
constexpr size_t kExcerptBytes = 4096;

}  // namespace

std::unique_ptr<TextRows> TextRowsPool::Take() {
  absl::MutexLock lock(&mutex_);
  if (free_.empty()) return std::make_unique<TextRows>();
  std::unique_ptr<TextRows> rows = std::move(free_.back());
  free_.pop_back();
  return rows;
}

void TextRowsPool::Return(std::unique_ptr<TextRows> rows) {
  if (rows->text.capacity() > kMostPooledBytes) return;
  rows->clear();
  absl::MutexLock lock(&mutex_);
  if (free_.size() < kMostPooled) free_.push_back(std::move(rows));
}

std::string_view Excerpt(std::string_view row) { return row.substr(0, kExcerptBytes); }

absl::Status OverlongRow() {
  return absl::InvalidArgumentError(
      StrCat("the row is longer than ", kMostRowBytes >> 20, " MiB; only its begin was kept"));
}

}  // namespace millrace
