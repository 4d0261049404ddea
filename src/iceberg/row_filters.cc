#include "iceberg/row_filters.h"

#include <utility>

#include "base/strings.h"

namespace millrace {
namespace {

class TimeFilter : public RowFilter {
 public:
  TimeFilter(const TimeRange& range, ColumnRef time) : range_(range), columns_({std::move(time)}) {}

  const std::vector<ColumnRef>& columns() const override { return columns_; }

  bool Drops(absl::Span<const Value> values) const override {
    const Value& value = values[0];
    if (value.kind != Value::Kind::kTimestamp) return true;
    const __int128 time = InMicros(value);
    return (range_.from && time < *range_.from) || (range_.to && time >= *range_.to);
  }

 private:
  // Nanoseconds are rounded down.
  static __int128 InMicros(const Value& value) {
    switch (value.unit) {
      case Value::Unit::kSecond:
        return static_cast<__int128>(value.integer) * 1'000'000;
      case Value::Unit::kMilli:
        return static_cast<__int128>(value.integer) * 1000;
      case Value::Unit::kMicro:
        return value.integer;
      case Value::Unit::kNano:
        return value.integer / 1000 - (value.integer % 1000 < 0 ? 1 : 0);
    }
    return 0;
  }

  const TimeRange range_;
  const std::vector<ColumnRef> columns_;
};

class EqualityFilter : public RowFilter {
 public:
  EqualityFilter(std::shared_ptr<const EqualityDeletes> deletes, std::vector<ColumnRef> columns,
                 int64_t data_sequence)
      : deletes_(std::move(deletes)), columns_(std::move(columns)), sequence_(data_sequence) {}

  const std::vector<ColumnRef>& columns() const override { return columns_; }
  bool Drops(absl::Span<const Value> values) const override {
    return deletes_->Drops(values, sequence_);
  }

 private:
  const std::shared_ptr<const EqualityDeletes> deletes_;
  const std::vector<ColumnRef> columns_;
  const int64_t sequence_;
};

}  // namespace

ColumnRef ColumnIn(const IcebergFile& file, ColumnRef column) {
  if (file.mapped_names == nullptr) return column;
  const auto mapped = file.mapped_names->find(*column.field_id);
  if (mapped == file.mapped_names->end()) return column;
  column.field_id.reset();
  column.name = mapped->second;
  return column;
}

std::shared_ptr<const RowFilter> NewTimeFilter(const TimeRange& range, ColumnRef time) {
  return std::make_shared<TimeFilter>(range, std::move(time));
}

std::vector<std::shared_ptr<const RowFilter>> EqualityFiltersOf(const IcebergFile& file) {
  std::vector<std::shared_ptr<const RowFilter>> filters;
  for (const auto& deletes : file.equality_deletes) {
    std::vector<ColumnRef> columns;
    for (const int32_t id : deletes->column_ids()) {
      columns.push_back(ColumnIn(file, {StrCat("field ", id), id, /*may_be_missing=*/true}));
    }
    filters.push_back(
        std::make_shared<EqualityFilter>(deletes, std::move(columns), file.sequence_number));
  }
  return filters;
}

}  // namespace millrace
