#include "records/table_reader.h"

#include <cstring>
#include <optional>
#include <utility>

#include "base/byte_buffer.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/json_text.h"
#include "formats/value.h"
#include "records/exact_number.h"
#include "records/record_time.h"
#include "records/row_planner.h"
#include "records/standard_columns.h"

namespace millrace {
namespace {

constexpr size_t kSlack = 64;  // what the writers of numbers reserve

bool IsExactInDouble(int64_t value) {
  constexpr int64_t kLimit = int64_t{1} << 53;
  return (value >= -kLimit && value <= kLimit) || FitsDouble(std::to_string(value));
}

void SetText(Cell& cell, std::string_view text) {
  cell.is_null = false;
  cell.text = text;
}

void SetInteger(Cell& cell, int64_t value) {
  cell.is_null = false;
  cell.integer = value;
}

}  // namespace

class TableReader::Impl {
 public:
  explicit Impl(const TableForm& form)
      : form_(form), planner_(form.record_type(), Form::kTable, form.extra_columns()) {
    const absl::Span<const StandardColumn> columns = StandardColumns(form.record_type());
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].from == ColumnSource::kInsertTime) insert_time_ = i;
      if (columns[i].from == ColumnSource::kOperation) operation_ = i;
      if (columns[i].from == ColumnSource::kProperties) properties_ = i;
    }
  }

  absl::Status Read(std::string_view record, absl::Time insert_time, std::vector<TableRow>& rows) {
    rows.clear();
    RETURN_IF_ERROR(planner_.Parse(record));
    const size_t count = planner_.rows();
    while (buffers_.size() < count) buffers_.push_back(std::make_unique<RowBuffers>());
    const int64_t micros = absl::ToUnixMicros(insert_time);
    for (size_t i = 0; i < count; ++i) {
      buffers_[i]->cells.assign(form_.columns().size(), Cell());
      SetInteger(buffers_[i]->cells[insert_time_], micros);
      RETURN_IF_ERROR(Fill(planner_.Row(i), record.size(), *buffers_[i]));
    }
    for (size_t i = 0; i < count; ++i) rows.push_back(buffers_[i]->cells);
    return absl::OkStatus();
  }

 private:
  // Of one row. Buffers do not grow while the row is filled, so that views of them stay valid.
  struct RowBuffers {
    std::vector<Cell> cells;
    ByteBuffer texts;
    ByteBuffer properties;
  };

  absl::Status Fill(const PlannedRow& row, size_t record_size, RowBuffers& buffers) {
    std::vector<Cell>& cells = buffers.cells;
    // What is unescaped or formatted again has at most as many bytes as in the record.
    buffers.texts.clear();
    buffers.texts.Reserve(record_size + kSlack);
    buffers.properties.clear();
    buffers.properties.Reserve(row.plan->fragment_bytes + record_size + kSlack);
    if (!row.operation.empty()) SetText(cells[operation_], row.operation);
    for (const RowPlan::Step& step : row.plan->steps) {
      const Value* const value = RowPlanner::Find(row, step);
      if (value == nullptr) continue;
      if (step.column != RowPlan::kNoColumn) {
        if (value->is_null()) continue;  // as if it were absent
        Cell& cell = cells[step.column];
        const Column& column = form_.columns()[step.column];
        if (cell.is_null && Convert(*value, column.type, buffers.texts, cell)) continue;
        if (cell.is_null && step.column < form_.standard_columns()) {
          return absl::InvalidArgumentError(
              StrCat("not a record: its ", column.name, " is not a time"));
        }
      }
      buffers.properties.Append(step.fragment);
      AppendJsonValue(buffers.properties, *value);
    }
    EndProperties(buffers);
    return CheckRequired(cells);
  }

  // The comma of the first member becomes the brace of the object.
  void EndProperties(RowBuffers& buffers) {
    ByteBuffer& json = buffers.properties;
    if (json.empty()) return;
    *json.data() = '{';
    json.Append('}');
    SetText(buffers.cells[properties_], json.view());
  }

  absl::Status CheckRequired(const std::vector<Cell>& cells) const {
    uint64_t filled = 0;
    for (size_t i = 0; i < form_.standard_columns(); ++i) {
      filled |= uint64_t{!cells[i].is_null} << i;
    }
    return planner_.CheckRequired(filled);
  }

  // Fills `cell` if `value`, which is not null, has a value of `type`.
  static bool Convert(const Value& value, ColumnType type, ByteBuffer& texts, Cell& cell) {
    switch (type) {
      case ColumnType::kText:
        SetText(cell, PlainText(value, texts));
        return true;
      case ColumnType::kInteger:
        if (value.kind != Value::Kind::kInt) return false;
        SetInteger(cell, value.integer);
        return true;
      case ColumnType::kNumber:
        return ConvertNumber(value, texts, cell);
      case ColumnType::kBoolean:
        if (value.kind != Value::Kind::kBool) return false;
        SetInteger(cell, value.integer);
        return true;
      case ColumnType::kTime: {
        const std::optional<int64_t> micros = UnixMicros(value);
        if (micros) SetInteger(cell, *micros);
        return micros.has_value();
      }
      case ColumnType::kJson:
        SetText(cell, JsonText(value, texts));
        return true;
    }
    return false;
  }

  static bool ConvertNumber(const Value& value, ByteBuffer& texts, Cell& cell) {
    if (value.kind == Value::Kind::kInt) {
      if (!IsExactInDouble(value.integer)) return false;
    } else if (value.kind == Value::Kind::kNumber) {
      if (!FitsDouble(value.text)) return false;
    } else if (value.kind != Value::Kind::kUint ||
               !FitsDouble(std::to_string(static_cast<uint64_t>(value.integer)))) {
      return false;
    }
    SetText(cell, JsonText(value, texts));
    return true;
  }

  static std::string_view PlainText(const Value& value, ByteBuffer& texts) {
    const bool escaped = value.kind == Value::Kind::kJsonText && !value.text.empty() &&
                         std::memchr(value.text.data(), '\\', value.text.size()) != nullptr;
    if (value.kind == Value::Kind::kJsonText && !escaped) return value.text;
    return Appended(texts, [&] { AppendPlainText(texts, value); });
  }

  static std::string_view JsonText(const Value& value, ByteBuffer& texts) {
    if (value.kind == Value::Kind::kJson || value.kind == Value::Kind::kNumber) return value.text;
    if (value.kind == Value::Kind::kJsonText) return {value.text.data() - 1, value.text.size() + 2};
    return Appended(texts, [&] { AppendJsonValue(texts, value); });
  }

  template <typename Append>
  static std::string_view Appended(ByteBuffer& texts, const Append& append) {
    const size_t begin = texts.size();
    append();
    return texts.view(begin, texts.size());
  }

  const TableForm& form_;
  RowPlanner planner_;
  std::vector<std::unique_ptr<RowBuffers>> buffers_;
  size_t insert_time_ = 0;
  size_t operation_ = 0;
  size_t properties_ = 0;
};

TableReader::TableReader(const TableForm& form) : impl_(std::make_unique<Impl>(form)) {}
TableReader::~TableReader() = default;

absl::Status TableReader::Read(std::string_view record, absl::Time insert_time,
                               std::vector<TableRow>& rows) {
  return impl_->Read(record, insert_time, rows);
}

}  // namespace millrace
