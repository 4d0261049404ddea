#include <vector>

#include "arrow/array/builder_binary.h"
#include "arrow/array/builder_primitive.h"
#include "arrow/array/builder_time.h"
#include "arrow/io/file.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/row_writer.h"
#include "parquet/arrow/writer.h"
#include "parquet/properties.h"

namespace millrace {
namespace {

using Type = OutputColumn::Type;

constexpr int64_t kRowGroupRows = 122'880;
constexpr int64_t kBatchRows = 8192;

absl::Status FromArrow(const arrow::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::UnavailableError(status.message());
}

std::shared_ptr<arrow::DataType> ArrowType(const OutputColumn& column) {
  switch (column.type) {
    case Type::kText:
      return arrow::utf8();
    case Type::kTimestamp:
      return arrow::timestamp(arrow::TimeUnit::MICRO, column.zoned ? "UTC" : "");
    case Type::kInt:
      return arrow::int64();
    case Type::kDouble:
      return arrow::float64();
    case Type::kBool:
      return arrow::boolean();
  }
  return arrow::null();
}

std::shared_ptr<parquet::WriterProperties> Properties(absl::Span<const OutputColumn> columns) {
  parquet::WriterProperties::Builder builder;
  builder.compression(parquet::Compression::SNAPPY);
  builder.max_row_group_length(kRowGroupRows);
  for (const OutputColumn& column : columns) {
    const std::string name(column.name);
    if (column.zstd) {
      builder.compression(name, parquet::Compression::ZSTD)->compression_level(name, 1);
    }
    if (column.distinct) builder.disable_dictionary(name);
  }
  return builder.build();
}

class ParquetRowWriter : public RowWriter {
 public:
  absl::Status Open(const std::string& path, absl::Span<const OutputColumn> columns) {
    auto sink = arrow::io::FileOutputStream::Open(path);
    if (!sink.ok()) return FromArrow(sink.status());
    sink_ = *sink;
    arrow::FieldVector fields;
    for (const OutputColumn& column : columns) {
      const std::shared_ptr<arrow::DataType> type = ArrowType(column);
      fields.push_back(arrow::field(std::string(column.name), type, !column.required));
      auto builder = arrow::MakeBuilder(type);
      if (!builder.ok()) return FromArrow(builder.status());
      builders_.push_back({column.type, *std::move(builder)});
    }
    schema_ = arrow::schema(std::move(fields));
    auto writer = parquet::arrow::FileWriter::Open(*schema_, arrow::default_memory_pool(), sink_,
                                                   Properties(columns));
    if (!writer.ok()) return FromArrow(writer.status());
    writer_ = *std::move(writer);
    return absl::OkStatus();
  }

  absl::Status Write(absl::Span<const Value> row) override {
    for (size_t i = 0; i < row.size(); ++i) {
      const arrow::Status status = Append(row[i], builders_[i]);
      if (!status.ok()) return FromArrow(status);
    }
    return ++rows_ == kBatchRows ? Flush() : absl::OkStatus();
  }

  absl::Status Finish() override {
    RETURN_IF_ERROR(Flush());
    RETURN_IF_ERROR(FromArrow(writer_->Close()));
    return FromArrow(sink_->Close());
  }

 private:
  struct Builder {
    Type type;
    std::unique_ptr<arrow::ArrayBuilder> array;
  };

  static arrow::Status Append(const Value& value, const Builder& builder) {
    arrow::ArrayBuilder& array = *builder.array;
    if (value.is_null()) return array.AppendNull();
    switch (builder.type) {
      case Type::kText:
        return static_cast<arrow::StringBuilder&>(array).Append(value.text);
      case Type::kTimestamp:
        return static_cast<arrow::TimestampBuilder&>(array).Append(value.integer);
      case Type::kInt:
        return static_cast<arrow::Int64Builder&>(array).Append(value.integer);
      case Type::kDouble:
        return static_cast<arrow::DoubleBuilder&>(array).Append(value.real);
      case Type::kBool:
        return static_cast<arrow::BooleanBuilder&>(array).Append(value.integer != 0);
    }
    return arrow::Status::TypeError("unknown column type");
  }

  absl::Status Flush() {
    if (rows_ == 0) return absl::OkStatus();
    arrow::ArrayVector columns;
    for (const Builder& builder : builders_) {
      auto column = builder.array->Finish();
      if (!column.ok()) return FromArrow(column.status());
      columns.push_back(*std::move(column));
    }
    const int64_t rows = std::exchange(rows_, 0);
    return FromArrow(
        writer_->WriteRecordBatch(*arrow::RecordBatch::Make(schema_, rows, std::move(columns))));
  }

  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::io::OutputStream> sink_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  std::vector<Builder> builders_;
  int64_t rows_ = 0;  // in the builders
};

}  // namespace

absl::StatusOr<std::unique_ptr<RowWriter>> NewParquetRowWriter(
    const std::string& path, absl::Span<const OutputColumn> columns) {
  auto writer = std::make_unique<ParquetRowWriter>();
  RETURN_IF_ERROR(writer->Open(path, columns));
  return writer;
}

}  // namespace millrace
