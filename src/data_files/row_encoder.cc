#include "data_files/row_encoder.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "base/json_writer.h"
#include "base/strings.h"
#include "data_files/packed_row.h"
#include "records/dialect.h"
#include "records/flat_writer.h"
#include "records/record_parser.h"
#include "records/record_time.h"
#include "records/table_reader.h"

namespace millrace::data_files {
namespace {

// Readers of JSON may keep numbers as doubles.
constexpr int64_t kMaxExactInteger = (int64_t{1} << 53) - 1;

void Unreadable(const absl::Status& status, RefusedRow& why) {
  why.code = "invalid_record";
  why.message = ToStd(status.message());
}

void Refuse(const Misfit& misfit, RefusedRow& why) {
  why.code = misfit.code;
  why.field = misfit.field;
  why.message = misfit.message;
}

// Which time names the folder of a record.
class Partitioner {
 public:
  Partitioner(const FileLayout& layout, RecordType type)
      : path_(layout.path), by_event_(type == RecordType::kEvent && !layout.by_arrival) {}

  // Whether the time of an event decides.
  bool needs_event_time() const { return by_event_ && path_.has_time(); }
  PathTemplate::Partition Of(std::optional<int64_t> event_micros, absl::Time now) const {
    return path_.PartitionOf(by_event_ ? event_micros : std::optional(absl::ToUnixMicros(now)));
  }

 private:
  const PathTemplate& path_;
  const bool by_event_;
};

// Reads the time of an event in its raw form.
class EventTimeReader {
 public:
  // False, with `why`, if there is one and it is no time or out of range.
  bool Read(std::string_view record, std::optional<int64_t>& micros, RefusedRow& why) {
    micros.reset();
    if (const absl::Status parsed = parser_.Parse(record); !parsed.ok()) {
      Unreadable(parsed, why);
      return false;
    }
    if (parser_.payloads().empty()) return true;
    const MemberReader* const properties =
        parser_.members().field(parser_.payloads().front()).members;
    if (properties == nullptr) return true;
    const std::optional<size_t> time = TimeIn(properties->shape());
    if (!time) return true;
    const Value& value = properties->field(*time).value;
    if (value.is_null()) return true;
    micros = UnixMicros(value);
    if (micros && *micros >= kFileDialect.min_time && *micros <= kFileDialect.max_time) return true;
    why.code = "time_out_of_range";
    why.field = "time";
    why.message = "time is not a time in the years 1 to 9999";
    return false;
  }

 private:
  std::optional<size_t> TimeIn(const RowShape& shape) {
    if (shape.id == shape_) return time_;
    shape_ = shape.id;
    const auto found = std::find(shape.names.begin(), shape.names.end(), "time");
    time_ = found == shape.names.end()
                ? std::nullopt
                : std::optional(static_cast<size_t>(found - shape.names.begin()));
    return time_;
  }

  RecordParser parser_{RecordType::kEvent};
  uint64_t shape_ = 0;
  std::optional<size_t> time_;  // of that shape
};

class LineEncoder : public RowEncoder {
 public:
  LineEncoder(const FileLayout& layout, RecordType type) : partitioner_(layout, type) {
    if (layout.form == Form::kFlat) flat_.emplace(type);
  }

  bool Append(std::string_view record, absl::Time now, EncodedRows& to, RefusedRow& why) override {
    std::optional<int64_t> micros;
    if (partitioner_.needs_event_time() && !event_time_.Read(record, micros, why)) return false;
    const PathTemplate::Partition partition = partitioner_.Of(micros, now);
    if (!flat_) {
      to.bytes.Append(record);
      to.bytes.Append('\n');
      to.rows.push_back({partition, to.bytes.size()});
      return true;
    }
    size_t at = to.bytes.size();
    const absl::StatusOr<size_t> lines = flat_->Append(record, to.bytes);
    if (!lines.ok()) {
      Unreadable(lines.status(), why);
      return false;
    }
    for (size_t line = 0; line < *lines; ++line) {
      at = to.bytes.view().find('\n', at) + 1;
      to.rows.push_back({partition, at});
    }
    return true;
  }

 private:
  const Partitioner partitioner_;
  EventTimeReader event_time_;
  std::optional<FlatWriter> flat_;
};

// Rows of the table form; what a row becomes is the subclass's.
class TableEncoder : public RowEncoder {
 public:
  TableEncoder(const FileLayout& layout, const TableForm& form)
      : form_(form),
        dialect_(layout.dialect),
        partitioner_(layout, form.record_type()),
        reader_(form) {
    const std::vector<Column>& columns = form.columns();
    for (size_t i = 0; i < form.standard_columns(); ++i) {
      if (columns[i].name == "event_time") event_time_ = i;
    }
  }

  bool Append(std::string_view record, absl::Time now, EncodedRows& to, RefusedRow& why) override {
    if (const absl::Status read = reader_.Read(record, now, rows_); !read.ok()) {
      Unreadable(read, why);
      return false;
    }
    for (const TableRow& row : rows_) {
      if (const auto misfit = FindMisfit(dialect_, form_, row)) {
        Refuse(*misfit, why);
        return false;
      }
      std::optional<int64_t> micros;
      if (event_time_ && !row[*event_time_].is_null) micros = row[*event_time_].integer;
      AppendRow(row, to.bytes);
      to.rows.push_back({partitioner_.Of(micros, now), to.bytes.size()});
    }
    return true;
  }

 protected:
  virtual void AppendRow(TableRow row, ByteBuffer& out) = 0;
  const TableForm& form_;

 private:
  const Dialect dialect_;
  const Partitioner partitioner_;
  TableReader reader_;
  std::optional<size_t> event_time_;
  std::vector<TableRow> rows_;
};

class PackedEncoder : public TableEncoder {
 public:
  using TableEncoder::TableEncoder;

 protected:
  void AppendRow(TableRow row, ByteBuffer& out) override {
    for (size_t i = 0; i < row.size(); ++i) {
      const Cell& cell = row[i];
      if (cell.is_null) {
        AppendPackedSize(out, kPackedNull);
        continue;
      }
      switch (form_.columns()[i].type) {
        case ColumnType::kText:
        case ColumnType::kJson:
          AppendPackedText(out, cell.text);
          break;
        case ColumnType::kNumber: {
          double number = 0;
          std::from_chars(cell.text.data(), cell.text.data() + cell.text.size(), number);
          AppendPackedNumber(out, number);
          break;
        }
        case ColumnType::kInteger:
        case ColumnType::kBoolean:
        case ColumnType::kTime:
          AppendPackedNumber(out, cell.integer);
          break;
      }
    }
  }
};

// A row as a JSON object of its columns; nulls are left out, times are RFC 3339.
class JsonTableEncoder : public TableEncoder {
 public:
  JsonTableEncoder(const FileLayout& layout, const TableForm& form)
      : TableEncoder(layout, form), quotes_large_integers_(layout.quotes_large_integers) {
    for (const Column& column : form.columns()) {
      std::string& key = keys_.emplace_back();
      AppendJsonString(key, column.name);
      key += ':';
    }
  }

 protected:
  void AppendRow(TableRow row, ByteBuffer& out) override {
    char before = '{';
    for (size_t i = 0; i < row.size(); ++i) {
      const Cell& cell = row[i];
      if (cell.is_null) continue;
      out.Append(before);
      before = ',';
      out.Append(keys_[i]);
      switch (form_.columns()[i].type) {
        case ColumnType::kText:
          AppendJsonString(out, cell.text);
          break;
        case ColumnType::kJson:
        case ColumnType::kNumber:
          out.Append(cell.text);
          break;
        case ColumnType::kInteger:
          AppendInteger(cell.integer, out);
          break;
        case ColumnType::kBoolean:
          out.Append(cell.integer != 0 ? "true" : "false");
          break;
        case ColumnType::kTime:
          out.Append('"');
          out.Append(absl::FormatTime("%E4Y-%m-%d%ET%H:%M:%E6SZ",
                                      absl::FromUnixMicros(cell.integer), absl::UTCTimeZone()));
          out.Append('"');
          break;
      }
    }
    if (before == '{') out.Append('{');
    out.Append("}\n");
  }

 private:
  void AppendInteger(int64_t integer, ByteBuffer& out) const {
    const bool quotes =
        quotes_large_integers_ && (integer > kMaxExactInteger || integer < -kMaxExactInteger);
    if (quotes) out.Append('"');
    AppendJsonInt(out, integer);
    if (quotes) out.Append('"');
  }

  const bool quotes_large_integers_;
  std::vector<std::string> keys_;
};

}  // namespace

std::unique_ptr<RowEncoder> NewRowEncoder(const FileLayout& layout, const TableForm& form) {
  if (layout.form != Form::kTable) return std::make_unique<LineEncoder>(layout, form.record_type());
  if (layout.format == FileFormat::kParquet) return std::make_unique<PackedEncoder>(layout, form);
  return std::make_unique<JsonTableEncoder>(layout, form);
}

}  // namespace millrace::data_files
