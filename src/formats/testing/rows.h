// Objects in memory, and their rows as text, for tests of readers.
#ifndef MILLRACE_FORMATS_TESTING_ROWS_H_
#define MILLRACE_FORMATS_TESTING_ROWS_H_

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "formats/row_reader.h"

namespace millrace {

class MemoryObject : public ObjectReader {
 public:
  explicit MemoryObject(std::string bytes)
      : bytes_(std::move(bytes)), info_{"memory", bytes_.size(), "1"} {}
  const ObjectInfo& info() const override { return info_; }
  absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> to) override {
    if (offset >= bytes_.size()) return 0;
    const size_t size = std::min<size_t>(to.size(), bytes_.size() - offset);
    std::memcpy(to.data(), bytes_.data() + offset, size);
    return size;
  }
  absl::Status CheckUnchanged() override { return absl::OkStatus(); }

 private:
  const std::string bytes_;
  const ObjectInfo info_;
};

// Each row as "name=value ..." with values as JSON and nulls as null; a bad row as "! why".
class RowsAsText : public RowVisitor {
 public:
  void OnRow(const Row& row) override {
    std::string text;
    for (size_t i = 0; i < row.values.size(); ++i) {
      ByteBuffer value;
      AppendJsonValue(value, row.values[i]);
      StrAppend(&text, i == 0 ? "" : " ", row.shape->names[i], "=", value.view());
    }
    Add(row.number, std::move(text));
  }
  void OnBadRow(uint64_t number, const absl::Status& why, std::string_view raw) override {
    Add(number, StrCat("! ", why.message()));
    bad_raw.emplace_back(raw);
  }

  std::vector<std::string> rows;
  std::vector<std::string> bad_raw;
  uint64_t first_number = 0;
  bool numbered_in_order = true;

 private:
  void Add(uint64_t number, std::string text) {
    if (rows.empty()) first_number = number;
    numbered_in_order &= number == first_number + rows.size();
    rows.push_back(std::move(text));
  }
};

struct ReadResult {
  absl::Status status;
  std::vector<std::string> rows;
  std::vector<std::string> bad_raw;
  std::vector<Position> positions;  // after each chunk
  uint64_t first_number = 0;
};

inline ReadResult ReadRows(std::string bytes, const ReadOptions& options = {},
                           const ChunkLimits& limits = {}) {
  ReadResult result;
  auto reader = OpenRows(std::make_shared<MemoryObject>(std::move(bytes)), options);
  if (!reader.ok()) {
    result.status = reader.status();
    return result;
  }
  DecodeScratch scratch;
  RowsAsText rows;
  for (;;) {
    absl::StatusOr<std::unique_ptr<RowChunk>> chunk = (*reader)->Read(limits);
    if (!chunk.ok()) result.status = chunk.status();
    if (!chunk.ok() || *chunk == nullptr) break;
    const size_t before = rows.rows.size();
    const bool follows = rows.rows.empty() || (*chunk)->first_row() == rows.first_number + before;
    (*chunk)->ForEachRow(scratch, rows);
    const uint64_t shown = rows.rows.size() - before;
    if (!follows || shown == 0 || shown != (*chunk)->row_count() || !rows.numbered_in_order ||
        (*chunk)->after().row != (*chunk)->first_row() + shown) {
      result.status = absl::InternalError("the chunks' row numbers do not fit");
      break;
    }
    RowsAsText again;
    (*chunk)->ForEachRow(scratch, again);
    if (!std::equal(again.rows.begin(), again.rows.end(),
                    rows.rows.begin() + static_cast<ptrdiff_t>(before), rows.rows.end())) {
      result.status = absl::InternalError("a chunk's rows change when they are shown again");
      break;
    }
    result.positions.push_back((*chunk)->after());
  }
  result.rows = std::move(rows.rows);
  result.bad_raw = std::move(rows.bad_raw);
  result.first_number = rows.first_number;
  return result;
}

}  // namespace millrace

#endif  // MILLRACE_FORMATS_TESTING_ROWS_H_
