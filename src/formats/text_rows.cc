#include "formats/text_rows.h"

#include <utility>

#include "base/strings.h"

namespace millrace {
namespace {

constexpr size_t kMaxPooled = 64;
constexpr size_t kMaxPooledBytes = 4 << 20;  // larger buffers are freed

}  // namespace

std::unique_ptr<TextRows> TextRowsPool::Take() {
  absl::MutexLock lock(&mutex_);
  if (free_.empty()) return std::make_unique<TextRows>();
  std::unique_ptr<TextRows> rows = std::move(free_.back());
  free_.pop_back();
  return rows;
}

void TextRowsPool::Return(std::unique_ptr<TextRows> rows) {
  if (rows->text.capacity() > kMaxPooledBytes) return;
  rows->clear();
  absl::MutexLock lock(&mutex_);
  if (free_.size() < kMaxPooled) free_.push_back(std::move(rows));
}

const OverlongSpan* TextRows::FindOverlong(size_t i) const {
  for (const OverlongSpan& span : overlong) {
    if (span.row == i) return &span;
  }
  return nullptr;
}

void ShowOverlong(const OverlongSpan& span, const TextRows& rows, RowVisitor& visitor) {
  visitor.OnOverlongRow(rows.first_row + span.row, OverlongRow(),
                        rows.row(span.row).substr(0, kKeptOfOverlong), span.size);
}

absl::Status OverlongRow() {
  return absl::InvalidArgumentError(
      StrCat("the row is longer than ", kMaxRowBytes >> 20, " MiB; only its first MiB was kept"));
}

}  // namespace millrace
