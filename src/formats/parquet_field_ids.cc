#include "formats/parquet_field_ids.h"

#include "arrow/io/interfaces.h"
#include "arrow/memory_pool.h"
#include "base/status.h"
#include "formats/parquet_file.h"
#include "formats/parquet_reader.h"
#include "parquet/file_reader.h"
#include "parquet/schema.h"

namespace millrace {

absl::StatusOr<ParquetFieldIds> ReadParquetFieldIds(std::shared_ptr<ObjectReader> object) {
  // Validates a footer, which is untrusted input.
  RETURN_IF_ERROR(OpenParquet(object, {}).status());
  ParquetFieldIds ids;
  try {
    const auto file = parquet::ParquetFileReader::Open(
        NewArrowFile(std::move(object), arrow::default_memory_pool()));
    const parquet::schema::GroupNode& root = *file->metadata()->schema()->group_node();
    for (int i = 0; i < root.field_count(); ++i) {
      const parquet::schema::Node& field = *root.field(i);
      ids.names.push_back(field.name());
      if (field.field_id() < 0) continue;
      ids.names_by_id[field.field_id()] = field.name();
      if (!field.is_primitive()) continue;
      const auto type = static_cast<const parquet::schema::PrimitiveNode&>(field).physical_type();
      const bool is_float = type == parquet::Type::FLOAT || type == parquet::Type::DOUBLE;
      if (is_float) ids.float_ids.insert(field.field_id());
    }
  } catch (...) {
    return Annotate(CaughtParquetError(), "reading the Parquet footer");
  }
  return ids;
}

}  // namespace millrace
