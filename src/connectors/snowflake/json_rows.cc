#include "connectors/snowflake/json_rows.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/civil_time.h"
#include "base/json_writer.h"
#include "base/strings.h"
#include "connectors/snowflake/repeated_keys.h"
#include "pipeline/row_group.h"
#include "records/dialect.h"

namespace millrace::snowflake {
namespace {

constexpr int64_t kMicrosPerDay = int64_t{86'400} * 1'000'000;
constexpr size_t kDayBytes = 11;  // "2026-11-30 "

std::string KeyOf(std::string_view column) {
  std::string key;
  AppendJsonString(key, column);
  return key + ':';
}

void AppendDigits(char* to, int digits, int64_t value) {
  for (int i = digits - 1; i >= 0; --i, value /= 10) {
    to[i] = static_cast<char>('0' + value % 10);
  }
}

}  // namespace

JsonRows::JsonRows(const TableForm& form, const std::vector<std::string>& columns)
    : form_(form), reader_(form) {
  for (const std::string& column : columns) keys_.push_back(KeyOf(column));
}

void JsonRows::Encode(const Batch& batch, absl::Span<const BatchSpan> spans,
                      absl::Time insert_time) {
  bytes_.clear();
  ends_.clear();
  refused_.clear();
  ends_.reserve(batch.rows());
  RowGroups groups(batch, spans);
  for (RowRange group = groups.Next(); group.size() > 0; group = groups.Next()) {
    const size_t begin = bytes_.size();
    RefusedRow why;
    for (size_t row = group.begin; row < group.end; ++row) {
      if (why.message.empty() && !AppendRecord(batch.row(row), insert_time, why)) why.row = row;
      ends_.push_back(bytes_.size());
    }
    if (why.message.empty()) continue;
    bytes_.Truncate(begin);
    for (size_t row = group.begin; row < group.end; ++row) ends_[row] = begin;
    RefuseGroup(group, why, refused_);
  }
}

bool JsonRows::is_refused(size_t row) const {
  const auto found = std::partition_point(refused_.begin(), refused_.end(),
                                          [row](const RefusedRow& one) { return one.row < row; });
  return found != refused_.end() && found->row == row;
}

void JsonRows::Refuse(RowRange group, const RefusedRow& why) {
  std::vector<RefusedRow> more;
  RefuseGroup(group, why, more);
  const size_t before = refused_.size();
  refused_.insert(refused_.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
  std::inplace_merge(refused_.begin(), refused_.begin() + static_cast<ptrdiff_t>(before),
                     refused_.end(),
                     [](const RefusedRow& a, const RefusedRow& b) { return a.row < b.row; });
}

bool JsonRows::AppendRecord(std::string_view record, absl::Time insert_time, RefusedRow& why) {
  const absl::Status read = reader_.Read(record, insert_time, table_rows_);
  if (!read.ok()) {
    why.code = "invalid_record";
    why.message = ToStd(read.message());
    return false;
  }
  const std::vector<Column>& columns = form_.columns();
  for (const TableRow& row : table_rows_) {
    if (const auto misfit = FindMisfit(kSnowflakeDialect, form_, row)) {
      why.code = misfit->code;
      why.field = misfit->field;
      why.message = misfit->message;
      return false;
    }
    if (const std::string key = RepeatedKey(row, why.field); !key.empty()) {
      why.code = "repeated_key";
      why.message = StrCat("\"", why.field, "\" contains an object that has the key \"",
                           Shorten(key, 100), "\" twice, which Snowpipe Streaming does not store");
      return false;
    }
    char separator = '{';
    for (size_t i = 0; i < row.size(); ++i) {
      if (row[i].is_null) continue;
      bytes_.Append(std::exchange(separator, ','));
      bytes_.Append(keys_[i]);
      AppendCell(columns[i].type, row[i]);
    }
    if (separator == '{') bytes_.Append('{');
    bytes_.Append("}\n");
  }
  return true;
}

std::string JsonRows::RepeatedKey(TableRow row, std::string& column) const {
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i].is_null || form_.columns()[i].type != ColumnType::kJson) continue;
    std::string key = FindRepeatedKey(row[i].text);
    if (key.empty()) continue;
    column = form_.columns()[i].name;
    return key;
  }
  return "";
}

void JsonRows::AppendCell(ColumnType type, const Cell& cell) {
  switch (type) {
    case ColumnType::kText:
      return AppendJsonString(bytes_, cell.text);
    case ColumnType::kJson:
    case ColumnType::kNumber:
      return bytes_.Append(cell.text);
    case ColumnType::kInteger:
      return AppendJsonInt(bytes_, cell.integer);
    case ColumnType::kBoolean:
      return bytes_.Append(cell.integer != 0 ? "true" : "false");
    case ColumnType::kTime:
      return AppendTime(cell.integer);
  }
}

// "2026-11-30 03:12:45.123456": years have four digits, which the dialect has checked.
void JsonRows::AppendTime(int64_t micros) {
  const int64_t day = micros / kMicrosPerDay - (micros % kMicrosPerDay < 0 ? 1 : 0);
  if (day != day_) {
    day_ = day;
    const absl::CivilDay civil = absl::CivilDay(1970, 1, 1) + day;
    AppendDigits(day_text_.data(), 4, civil.year());
    AppendDigits(day_text_.data() + 5, 2, civil.month());
    AppendDigits(day_text_.data() + 8, 2, civil.day());
    day_text_[4] = day_text_[7] = '-';
    day_text_[10] = ' ';
  }
  const int64_t of_day = micros - day * kMicrosPerDay;
  const int64_t seconds = of_day / 1'000'000;
  char* out = bytes_.Reserve(32);
  *out++ = '"';
  out = std::copy_n(day_text_.data(), kDayBytes, out);
  AppendDigits(out, 2, seconds / 3600);
  AppendDigits(out + 3, 2, seconds / 60 % 60);
  AppendDigits(out + 6, 2, seconds % 60);
  AppendDigits(out + 9, 6, of_day % 1'000'000);
  out[2] = out[5] = ':';
  out[8] = '.';
  out[15] = '"';
  bytes_.Commit(1 + kDayBytes + 16);
}

}  // namespace millrace::snowflake
