#include "connectors/postgres/copy_batch.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "base/strings.h"
#include "pipeline/row_group.h"
#include "records/dialect.h"

namespace millrace::postgres {
namespace {

constexpr char kUnreadable[] = "invalid_record";

void Refuse(const Misfit& misfit, RefusedRow& why) {
  why.code = misfit.code;
  why.field = misfit.field;
  why.message = misfit.message;
}

}  // namespace

CopyBatch::CopyBatch(const TargetTable& table) : table_(table) {
  if (table.form() == Form::kTable) {
    table_reader_ = std::make_unique<TableReader>(table.table_form());
  } else if (table.form() == Form::kFlat) {
    flat_writer_ = std::make_unique<FlatWriter>(table.table_form().record_type());
  }
}

void CopyBatch::Encode(const Batch& batch, absl::Span<const BatchSpan> spans,
                       absl::Time insert_time) {
  bytes_.clear();
  rows_.clear();
  refused_.clear();
  days_.clear();
  rows_.reserve(batch.rows());
  RowGroups groups(batch, spans);
  for (RowRange group = groups.Next(); group.size() > 0; group = groups.Next()) {
    const Place start = begin(group.begin);
    RefusedRow why;
    for (size_t row = group.begin; row < group.end; ++row) {
      const Place before = begin(row);
      size_t lines = 0;
      if (why.message.empty()) {
        lines = AppendRecord(batch.row(row), insert_time, why);
        why.row = row;
      }
      rows_.push_back({.end = {bytes_.size(), before.line + lines}, .group = group.begin});
    }
    if (why.message.empty()) continue;
    bytes_.Truncate(start.byte);
    for (size_t row = group.begin; row < group.end; ++row) rows_[row].end = start;
    millrace::RefuseGroup(group, why, refused_);
  }
}

size_t CopyBatch::AppendRecord(std::string_view record, absl::Time insert_time, RefusedRow& why) {
  const size_t before = bytes_.size();
  size_t lines = 0;
  switch (table_.form()) {
    case Form::kTable:
      lines = AppendTableRows(record, insert_time, why);
      break;
    case Form::kFlat:
      lines = AppendFlatRows(record, insert_time, why);
      break;
    case Form::kRaw:
      lines = AppendJsonRow(record, insert_time, why) ? 1 : 0;
      break;
  }
  if (why.message.empty()) return lines;
  bytes_.Truncate(before);
  return 0;
}

size_t CopyBatch::AppendTableRows(std::string_view record, absl::Time insert_time,
                                  RefusedRow& why) {
  if (const absl::Status read = table_reader_->Read(record, insert_time, table_rows_); !read.ok()) {
    why.code = kUnreadable;
    why.message = ToStd(read.message());
    return 0;
  }
  const std::vector<Column>& columns = table_.table_form().columns();
  for (const TableRow& row : table_rows_) {
    if (const auto misfit = FindMisfit(kPostgresDialect, table_.table_form(), row)) {
      Refuse(*misfit, why);
      return 0;
    }
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) bytes_.Append('\t');
      AppendCell(columns[i], row[i]);
    }
    bytes_.Append('\n');
  }
  return table_rows_.size();
}

void CopyBatch::AppendCell(const Column& column, const Cell& cell) {
  if (cell.is_null) return AppendCopyNull(bytes_);
  switch (column.type) {
    case ColumnType::kText:
      return AppendCopyText(bytes_, cell.text);
    case ColumnType::kJson:
      return AppendCopyJson(bytes_, cell.text);
    case ColumnType::kNumber:
      return bytes_.Append(cell.text);
    case ColumnType::kInteger:
      return bytes_.Append(StrCat(cell.integer));
    case ColumnType::kBoolean:
      return bytes_.Append(cell.integer != 0 ? 't' : 'f');
    case ColumnType::kTime:
      break;
  }
  if (column.name == "insert_time") return insert_time_.Append(bytes_, cell.integer);
  event_time_.Append(bytes_, cell.integer);
  if (!table_.partitioned() || column.name != "event_time") return;
  const auto day = static_cast<int32_t>(CopyTimeWriter::DayOf(cell.integer));
  if (std::find(days_.rbegin(), days_.rend(), day) == days_.rend()) days_.push_back(day);
}

size_t CopyBatch::AppendFlatRows(std::string_view record, absl::Time insert_time, RefusedRow& why) {
  flat_.clear();
  const absl::StatusOr<size_t> rows = flat_writer_->Append(record, flat_);
  if (!rows.ok()) {
    why.code = kUnreadable;
    why.message = ToStd(rows.status().message());
    return 0;
  }
  std::string_view left = flat_.view();
  for (size_t row = 0; row < *rows; ++row) {
    const std::string_view line = left.substr(0, left.find('\n'));
    if (!AppendJsonRow(line, insert_time, why)) return 0;
    left.remove_prefix(line.size() + 1);
  }
  return *rows;
}

bool CopyBatch::AppendJsonRow(std::string_view json, absl::Time insert_time, RefusedRow& why) {
  if (const auto misfit = FindJsonMisfit(kPostgresDialect, "record", json)) {
    Refuse(*misfit, why);
    return false;
  }
  AppendCopyJson(bytes_, json);
  bytes_.Append('\t');
  insert_time_.Append(bytes_, absl::ToUnixMicros(insert_time));
  bytes_.Append('\n');
  return true;
}

size_t CopyBatch::RowOfLine(RowRange rows, uint64_t line) const {
  const uint64_t wanted = begin(rows.begin).line + line;
  const auto first = rows_.begin() + static_cast<ptrdiff_t>(rows.begin);
  const auto found =
      std::partition_point(first, rows_.begin() + static_cast<ptrdiff_t>(rows.end),
                           [wanted](const Row& row) { return row.end.line <= wanted; });
  return std::min(static_cast<size_t>(found - rows_.begin()), rows.end - 1);
}

RowRange CopyBatch::GroupOf(size_t row) const {
  const size_t first = rows_[row].group;
  size_t end = row + 1;
  while (end < rows_.size() && rows_[end].group == first) ++end;
  return {first, end};
}

void CopyBatch::RefuseGroup(size_t row, const RefusedRow& why,
                            std::vector<RefusedRow>& refused) const {
  RefusedRow named = why;
  named.row = row;
  millrace::RefuseGroup(GroupOf(row), named, refused);
}

}  // namespace millrace::postgres
