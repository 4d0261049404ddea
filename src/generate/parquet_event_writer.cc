#include <functional>
#include <vector>

#include "arrow/array/builder_binary.h"
#include "arrow/array/builder_dict.h"
#include "arrow/array/builder_primitive.h"
#include "arrow/array/builder_time.h"
#include "arrow/io/file.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "base/status.h"
#include "base/strings.h"
#include "generate/event_writer.h"
#include "parquet/arrow/writer.h"
#include "parquet/properties.h"

namespace millrace {
namespace {

constexpr int64_t kRowGroupRows = 122'880;
constexpr int64_t kBatchRows = 8192;

absl::Status FromArrow(const arrow::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::UnavailableError(status.message());
}

std::shared_ptr<parquet::WriterProperties> Properties() {
  parquet::WriterProperties::Builder builder;
  builder.compression(parquet::Compression::SNAPPY);
  for (const char* uuid : {"device_id", "insert_id"}) {
    builder.compression(uuid, parquet::Compression::ZSTD)->compression_level(uuid, 1);
  }
  builder.max_row_group_length(kRowGroupRows);
  for (const char* unique : {"business_ts", "device_id", "insert_id", "session_id"}) {
    builder.disable_dictionary(unique);
  }
  return builder.build();
}

class ParquetEventWriter : public EventWriter {
 public:
  absl::Status Open(const std::string& path) {
    auto sink = arrow::io::FileOutputStream::Open(path);
    if (!sink.ok()) return FromArrow(sink.status());
    sink_ = *sink;
    const auto text = arrow::utf8();
    schema_ = arrow::schema({
        arrow::field("event_name", text, false),
        arrow::field("business_ts", business_ts_.type(), false),
        arrow::field("user_id", text),
        arrow::field("device_id", text),
        arrow::field("insert_id", text, false),
        arrow::field("session_id", arrow::int64()),
        arrow::field("country", text),
        arrow::field("city", text),
        arrow::field("os", text),
        arrow::field("app_version", text),
        arrow::field("page_url", text),
        arrow::field("amount", arrow::float64()),
        arrow::field("is_new", arrow::boolean()),
        arrow::field("comment", text),
    });
    auto writer = parquet::arrow::FileWriter::Open(*schema_, arrow::default_memory_pool(), sink_,
                                                   Properties());
    if (!writer.ok()) return FromArrow(writer.status());
    writer_ = *std::move(writer);
    return absl::OkStatus();
  }

  absl::Status Write(const GeneratedEvent& event) override {
    if (const arrow::Status status = Append(event); !status.ok()) return FromArrow(status);
    return insert_id_.length() == kBatchRows ? Flush() : absl::OkStatus();
  }

  absl::Status Finish() override {
    RETURN_IF_ERROR(Flush());
    RETURN_IF_ERROR(FromArrow(writer_->Close()));
    return FromArrow(sink_->Close());
  }

 private:
  arrow::Status Append(const GeneratedEvent& event) {
    ARROW_RETURN_NOT_OK(event_name_.Append(event.event_name));
    ARROW_RETURN_NOT_OK(business_ts_.Append(event.business_ts));
    ARROW_RETURN_NOT_OK(user_id_.Append(event.user_id));
    ARROW_RETURN_NOT_OK(device_id_.Append(event.device_id));
    ARROW_RETURN_NOT_OK(insert_id_.Append(event.insert_id));
    ARROW_RETURN_NOT_OK(session_id_.Append(event.session_id));
    ARROW_RETURN_NOT_OK(country_.Append(event.country));
    ARROW_RETURN_NOT_OK(city_.Append(event.city));
    ARROW_RETURN_NOT_OK(os_.Append(event.os));
    ARROW_RETURN_NOT_OK(app_version_.Append(event.app_version));
    ARROW_RETURN_NOT_OK(page_url_.Append(event.page_url));
    ARROW_RETURN_NOT_OK(amount_.AppendOrNull(event.amount));
    ARROW_RETURN_NOT_OK(is_new_.Append(event.is_new));
    return comment_.AppendOrNull(event.comment);
  }

  absl::Status Flush() {
    const int64_t rows = insert_id_.length();
    if (rows == 0) return absl::OkStatus();
    arrow::ArrayBuilder* const builders[] = {&event_name_, &business_ts_, &user_id_,  &device_id_,
                                             &insert_id_,  &session_id_,  &country_,  &city_,
                                             &os_,         &app_version_, &page_url_, &amount_,
                                             &is_new_,     &comment_};
    arrow::ArrayVector columns;
    for (arrow::ArrayBuilder* builder : builders) {
      auto column = builder->Finish();
      if (!column.ok()) return FromArrow(column.status());
      columns.push_back(*std::move(column));
    }
    return FromArrow(
        writer_->WriteRecordBatch(*arrow::RecordBatch::Make(schema_, rows, std::move(columns))));
  }

  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::io::OutputStream> sink_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  arrow::StringBuilder event_name_;
  arrow::TimestampBuilder business_ts_{arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
                                       arrow::default_memory_pool()};
  arrow::StringBuilder user_id_;
  arrow::StringBuilder device_id_;
  arrow::StringBuilder insert_id_;
  arrow::Int64Builder session_id_;
  arrow::StringBuilder country_;
  arrow::StringBuilder city_;
  arrow::StringBuilder os_;
  arrow::StringBuilder app_version_;
  arrow::StringBuilder page_url_;
  arrow::DoubleBuilder amount_;
  arrow::BooleanBuilder is_new_;
  arrow::StringBuilder comment_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<EventWriter>> NewParquetEventWriter(const std::string& path) {
  auto writer = std::make_unique<ParquetEventWriter>();
  RETURN_IF_ERROR(writer->Open(path));
  return writer;
}

}  // namespace millrace
