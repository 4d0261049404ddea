#include "formats/testing/parquet_files.h"

#include "arrow/array.h"
#include "arrow/io/memory.h"
#include "arrow/json/from_string.h"
#include "arrow/table.h"
#include "arrow/util/compression.h"
#include "parquet/arrow/writer.h"
#include "parquet/exception.h"
#include "parquet/file_writer.h"
#include "parquet/schema.h"

namespace millrace {
namespace {

parquet::Encoding::type EncodingOf(std::string_view name) {
  for (const auto encoding :
       {parquet::Encoding::PLAIN, parquet::Encoding::RLE, parquet::Encoding::DELTA_BINARY_PACKED,
        parquet::Encoding::DELTA_LENGTH_BYTE_ARRAY, parquet::Encoding::DELTA_BYTE_ARRAY,
        parquet::Encoding::BYTE_STREAM_SPLIT}) {
    if (parquet::EncodingToString(encoding) == name) return encoding;
  }
  return parquet::Encoding::UNKNOWN;
}

}  // namespace

std::shared_ptr<arrow::Array> ArrayOf(const std::shared_ptr<arrow::DataType>& type,
                                      std::string_view json) {
  return arrow::json::ArrayFromJSONString(type, json).ValueOrDie();
}

std::string MakeParquet(const std::vector<NamedArray>& columns, const ParquetFormat& format) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const auto& [name, array] : columns) {
    fields.push_back(arrow::field(name, array->type()));
    arrays.push_back(array);
  }
  const auto table = arrow::Table::Make(arrow::schema(fields), arrays);

  parquet::WriterProperties::Builder properties;
  properties.version(parquet::ParquetVersion::PARQUET_2_6);
  properties.data_pagesize(format.page_bytes)->write_batch_size(64);
  properties.enable_store_decimal_as_integer();
  if (!format.dictionary) properties.disable_dictionary();
  if (format.checksums) properties.enable_page_checksum();
  if (format.compressed) {
    properties.compression(arrow::util::Codec::GetCompressionType(format.codec).ValueOrDie());
  }
  if (!format.encoding.empty()) properties.encoding(EncodingOf(format.encoding));
  if (format.pages_v2) properties.data_page_version(parquet::ParquetDataPageVersion::V2);
  parquet::ArrowWriterProperties::Builder arrow_properties;
  arrow_properties.store_schema();
  if (format.int96) arrow_properties.enable_deprecated_int96_timestamps();

  const auto sink = arrow::io::BufferOutputStream::Create().ValueOrDie();
  PARQUET_THROW_NOT_OK(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), sink,
                                                  format.group_rows, properties.build(),
                                                  arrow_properties.build()));
  return sink->Finish().ValueOrDie()->ToString();
}

std::string MakeOneRowParquet(const std::vector<std::string>& columns) {
  std::vector<NamedArray> arrays;
  for (const std::string& name : columns) arrays.push_back({name, ArrayOf(arrow::int64(), "[1]")});
  return MakeParquet(arrays);
}

std::string MakeLowLevelParquet(const std::vector<std::shared_ptr<parquet::schema::Node>>& fields,
                                const std::function<void(parquet::RowGroupWriter&)>& write) {
  const auto sink = arrow::io::BufferOutputStream::Create().ValueOrDie();
  const auto schema = std::static_pointer_cast<parquet::schema::GroupNode>(
      parquet::schema::GroupNode::Make("schema", parquet::Repetition::REQUIRED, fields));
  const auto writer = parquet::ParquetFileWriter::Open(sink, schema);
  write(*writer->AppendRowGroup());
  writer->Close();
  return sink->Finish().ValueOrDie()->ToString();
}

}  // namespace millrace
