#include "connectors/bigquery/append_batch.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/strings.h"
#include "connectors/bigquery/row_encoder.h"
#include "pipeline/row_group.h"
#include "records/dialect.h"

namespace millrace::bigquery {
namespace {

constexpr char kUnreadable[] = "invalid_record";
constexpr size_t kRowOverhead = 5;  // its tag and length in a request

}  // namespace

AppendBatch::AppendBatch(const TableForm& form, RequestFormat format)
    : form_(form), format_(std::move(format)), reader_(form) {}

void AppendBatch::Encode(const Batch& batch, absl::Span<const BatchSpan> spans,
                         absl::Time insert_time) {
  bytes_.clear();
  rows_.clear();
  groups_.clear();
  refused_.clear();
  RowGroups groups(batch, spans);
  for (RowRange group = groups.Next(); group.size() > 0; group = groups.Next()) {
    const size_t first_row = rows_.size(), first_byte = bytes_.size();
    RefusedRow why;
    for (size_t row = group.begin; row < group.end && why.message.empty(); ++row) {
      why.row = row;
      if (!Append(batch.row(row), insert_time, why)) break;
    }
    const size_t size = bytes_.size() - first_byte + kRowOverhead * (rows_.size() - first_row);
    if (why.message.empty() && size > format_.max_bytes) {
      why.row = group.begin;
      why.code = "value_too_large";
      why.message = StrCat("the row has ", size, " bytes; BigQuery takes at most ",
                           format_.max_bytes, " in a request");
    }
    if (!why.message.empty()) {
      bytes_.Truncate(first_byte);
      rows_.resize(first_row);
      RefuseGroup(group, why, refused_);
      continue;
    }
    groups_.push_back({.source = group, .end = rows_.size()});
  }
  next_group_ = 0;
  FillRequest();
}

bool AppendBatch::Append(std::string_view record, absl::Time insert_time, RefusedRow& why) {
  if (const absl::Status read = reader_.Read(record, insert_time, table_rows_); !read.ok()) {
    why.code = kUnreadable;
    why.message = ToStd(read.message());
    return false;
  }
  for (const TableRow& row : table_rows_) {
    if (const auto misfit = FindMisfit(kBigqueryDialect, form_, row)) {
      why.code = misfit->code;
      why.field = misfit->field;
      why.message = misfit->message;
      return false;
    }
    if (format_.encode) {
      format_.encode(row, bytes_);
    } else {
      AppendRow(form_, row, bytes_);
    }
    rows_.push_back({.end = bytes_.size(), .group = groups_.size()});
  }
  return true;
}

void AppendBatch::FillRequest() {
  request_.clear();
  size_t size = 0;
  for (end_group_ = next_group_; end_group_ < groups_.size(); ++end_group_) {
    const Group& group = groups_[end_group_];
    if (group.refused) continue;
    const size_t first = end_group_ == 0 ? 0 : groups_[end_group_ - 1].end;
    size += begin(group.end) - begin(first) + kRowOverhead * (group.end - first);
    const bool is_full =
        size > format_.max_bytes || request_.size() + (group.end - first) > format_.max_rows;
    if (is_full && !request_.empty()) return;
    for (size_t row = first; row < group.end; ++row) request_.push_back(row);
  }
}

std::string_view AppendBatch::request_row(size_t i) const {
  const size_t row = request_[i];
  return bytes_.view(begin(row), rows_[row].end);
}

void AppendBatch::Appended() {
  next_group_ = end_group_;
  FillRequest();
}

void AppendBatch::Refuse(size_t i, std::string_view message, std::string_view field) {
  Group& group = groups_[rows_[request_[i]].group];
  if (std::exchange(group.refused, true)) return;
  RefuseGroup(
      group.source,
      {.row = group.source.begin, .field = std::string(field), .message = std::string(message)},
      refused_);
}

std::vector<RefusedRow> AppendBatch::TakeRefused() {
  std::sort(refused_.begin(), refused_.end(),
            [](const RefusedRow& a, const RefusedRow& b) { return a.row < b.row; });
  return std::move(refused_);
}

}  // namespace millrace::bigquery
