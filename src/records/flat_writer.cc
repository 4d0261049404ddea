#include "records/flat_writer.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/value.h"
#include "records/form.h"
#include "records/record_time.h"
#include "records/row_planner.h"
#include "records/standard_columns.h"

namespace millrace {
namespace {

constexpr int64_t kBeginOfYear0 = -62'167'219'200'000;  // milliseconds
constexpr int64_t kEndOfYear9999 = 253'402'300'800'000;

// Appends "2026-11-30T03:12:45.123Z" in quotes; finer digits are rounded down. False if the year
// does not have four digits.
bool AppendTime(ByteBuffer& out, int64_t micros) {
  const int64_t millis = micros / 1000 - (micros % 1000 < 0 ? 1 : 0);
  if (millis < kBeginOfYear0 || millis >= kEndOfYear9999) return false;
  AppendJsonValue(out, Value::Timestamp(millis, Value::Unit::kMilli, /*zoned=*/true));
  // AppendJsonValue leaves out milliseconds that are 0.
  if (millis % 1000 == 0) {
    out.Truncate(out.size() - 2);
    out.Append(".000Z\"");
  }
  return true;
}

}  // namespace

class FlatWriter::Impl {
 public:
  explicit Impl(RecordType type) : planner_(type, Form::kFlat, {}) {
    for (const StandardColumn& column : StandardColumns(type)) {
      fragments_.push_back(MemberFragment(column.name));
      types_.push_back(column.type);
    }
  }

  absl::StatusOr<size_t> Append(std::string_view record, ByteBuffer& out) {
    RETURN_IF_ERROR(planner_.Parse(record));
    const size_t begin = out.size();
    const size_t count = planner_.rows();
    for (size_t i = 0; i < count; ++i) {
      if (absl::Status status = AppendRow(planner_.Row(i), out); !status.ok()) {
        out.Truncate(begin);
        return status;
      }
    }
    return count;
  }

 private:
  absl::Status AppendRow(const PlannedRow& row, ByteBuffer& out) {
    const size_t begin = out.size();
    uint64_t filled = 0;  // columns
    bool operation_written = row.operation.empty();
    for (const RowPlan::Step& step : row.plan->steps) {
      if (!operation_written && step.column == RowPlan::kNoColumn) {
        AppendOperation(row.operation, out);
        operation_written = true;
      }
      const Value* const value = RowPlanner::Find(row, step);
      if (value == nullptr) continue;
      if (step.column == RowPlan::kNoColumn) {
        out.Append(step.fragment);
        AppendJsonValue(out, *value);
        continue;
      }
      if (value->is_null()) continue;  // as if it were absent
      const bool taken = (filled >> step.column & 1) != 0;
      out.Append(taken ? std::string_view(step.fragment) : fragments_[step.column]);
      if (taken || types_[step.column] != ColumnType::kTime) {
        AppendJsonValue(out, *value);
      } else if (!AppendColumnTime(*value, out)) {
        return absl::InvalidArgumentError(
            "not a record: its time is not a time in the years 0 to 9999");
      }
      filled |= uint64_t{1} << step.column;
    }
    if (!operation_written) AppendOperation(row.operation, out);
    RETURN_IF_ERROR(planner_.CheckRequired(filled));
    out.data()[begin] = '{';  // in place of the first comma: required columns are there
    out.Append("}\n");
    return absl::OkStatus();
  }

  static bool AppendColumnTime(const Value& value, ByteBuffer& out) {
    const std::optional<int64_t> micros = UnixMicros(value);
    return micros && AppendTime(out, *micros);
  }

  static void AppendOperation(std::string_view operation, ByteBuffer& out) {
    out.Append(",\"operation\":");
    AppendJsonString(out, operation);
  }

  RowPlanner planner_;
  std::vector<std::string> fragments_;  // ,"name": of each column
  std::vector<ColumnType> types_;
};

FlatWriter::FlatWriter(RecordType type) : impl_(std::make_unique<Impl>(type)) {}
FlatWriter::~FlatWriter() = default;

absl::StatusOr<size_t> FlatWriter::Append(std::string_view record, ByteBuffer& out) {
  return impl_->Append(record, out);
}

}  // namespace millrace
