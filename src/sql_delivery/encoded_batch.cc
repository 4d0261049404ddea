#include "sql_delivery/encoded_batch.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "pipeline/row_group.h"
#include "records/dialect.h"

namespace millrace::sql_delivery {
namespace {

// Of a script beside its rows and spans.
constexpr size_t kFrameBytes = 8 << 10;

}  // namespace

EncodedBatch::EncodedBatch(const SqlDialect& dialect, const TableForm& form)
    : dialect_(dialect), form_(form), reader_(form) {}

void EncodedBatch::Encode(const Batch& batch, absl::Span<const BatchSpan> spans,
                          absl::Time insert_time) {
  bytes_.clear();
  groups_.clear();
  refused_.clear();
  size_t span = 0;
  RowGroups groups(batch, spans);
  for (RowRange group = groups.Next(); group.size() > 0; group = groups.Next()) {
    while (span + 1 < spans.size() && group.begin >= spans[span].first + spans[span].rows) ++span;
    const size_t start = bytes_.size();
    RefusedRow why;
    for (size_t row = group.begin; row < group.end && why.message.empty(); ++row) {
      why.row = row;
      (void)AppendRecord(batch.row(row), span, insert_time, why);
    }
    const size_t max = std::min(dialect_.max_script_bytes() - kFrameBytes - kSpanBytes,
                                dialect_.max_insert_bytes());
    if (why.message.empty() && bytes_.size() - start > max) {
      why.code = "value_too_large";
      why.row = group.begin;
      why.message = StrCat("the row takes ", bytes_.size() - start, " bytes of a statement of ",
                           dialect_.values().name, ", which takes at most ", max);
    }
    const bool is_refused = !why.message.empty();
    if (is_refused) bytes_.resize(start);
    groups_.push_back({.rows = group, .span = span, .end = bytes_.size(), .refused = is_refused});
    if (is_refused) RefuseGroup(group, why, refused_);
  }
}

bool EncodedBatch::AppendRecord(std::string_view record, size_t span, absl::Time insert_time,
                                RefusedRow& why) {
  if (const absl::Status read = reader_.Read(record, insert_time, table_rows_); !read.ok()) {
    why.code = "invalid_record";
    why.message = ToStd(read.message());
    return false;
  }
  for (const TableRow& row : table_rows_) {
    if (auto misfit = FindMisfit(dialect_.values(), form_, row)) {
      why.code = misfit->code;
      why.field = std::move(misfit->field);
      why.message = std::move(misfit->message);
      return false;
    }
    if (!bytes_.empty()) bytes_ += dialect_.row_separator();
    dialect_.AppendRow(span, form_, row, bytes_);
  }
  return true;
}

std::vector<std::string_view> EncodedBatch::Rows(RowRange groups,
                                                 const std::set<size_t>& closed) const {
  std::vector<std::string_view> pieces;
  const std::string_view separator = dialect_.row_separator();
  size_t first = 0, last = 0;  // bytes of the current piece
  const auto end_piece = [&] {
    std::string_view rows = std::string_view(bytes_).substr(first, last - first);
    if (first > 0 && rows.starts_with(separator)) rows.remove_prefix(separator.size());
    if (!rows.empty()) pieces.push_back(rows);
  };
  for (size_t i = groups.begin; i < groups.end; ++i) {
    const Group& group = groups_[i];
    if (group.refused || closed.contains(group.span) || group.end == begin_of(i)) continue;
    const bool follows = begin_of(i) == last && last > first;
    if (!follows || group.end - first > dialect_.max_insert_bytes()) {
      end_piece();
      first = begin_of(i);
    }
    last = group.end;
  }
  end_piece();
  return pieces;
}

std::vector<RowRange> EncodedBatch::Parts() const {
  const size_t max = dialect_.max_script_bytes() - kFrameBytes;
  std::vector<RowRange> parts;
  size_t begin = 0, spans = 1;
  for (size_t i = 0; i < groups_.size(); ++i) {
    const bool is_new_span = i > begin && groups_[i].span != groups_[i - 1].span;
    const size_t size = groups_[i].end - begin_of(begin) + (spans + is_new_span) * kSpanBytes;
    if (i > begin && size > max) {
      parts.push_back({begin, i});
      begin = i;
      spans = 1;
    } else if (is_new_span) {
      ++spans;
    }
  }
  parts.push_back({begin, groups_.size()});
  return parts;
}

void EncodedBatch::Refuse(size_t index, const RefusedRow& why) {
  Group& group = groups_[index];
  group.refused = true;
  RefusedRow named = why;
  named.row = group.rows.begin;
  std::vector<RefusedRow> rows;
  RefuseGroup(group.rows, named, rows);
  const auto place =
      std::lower_bound(refused_.begin(), refused_.end(), group.rows.begin,
                       [](const RefusedRow& one, size_t row) { return one.row < row; });
  refused_.insert(place, std::make_move_iterator(rows.begin()),
                  std::make_move_iterator(rows.end()));
}

}  // namespace millrace::sql_delivery
