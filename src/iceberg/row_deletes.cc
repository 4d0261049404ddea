#include "iceberg/row_deletes.h"

#include <algorithm>
#include <functional>

#include "base/status.h"
#include "base/strings.h"
#include "formats/parquet_field_ids.h"
#include "formats/row_reader.h"

namespace millrace {
namespace {

absl::Status TooMany() {
  return absl::ResourceExhaustedError(
      "the snapshot has more than 33,554,432 deleted rows that are still in data files; compact "
      "the table (rewrite_data_files) and read it again");
}

// Values that are not finite are read as null, so it cannot be told which rows the key deletes.
absl::Status NotANumber(std::string_view column) {
  return absl::UnimplementedError(
      StrCat("it deletes rows whose column '", column,
             "' is null, NaN or infinite, which is not supported; compact the table "
             "(rewrite_data_files) and read it again"));
}

// Passes the cells of `columns`, by name, of each row of a Parquet file to `see`.
class DeleteRows : public RowVisitor {
 public:
  using See = std::function<absl::Status(absl::Span<const Value>)>;
  DeleteRows(const std::vector<std::string>& columns, See see)
      : columns_(columns), see_(std::move(see)), cells_(columns.size()) {}

  absl::Status ReadAll(std::shared_ptr<ObjectReader> object) {
    ASSIGN_OR_RETURN(const auto reader,
                     OpenRows(object, {.type = FileType::kParquet, .columns = columns_}));
    DecodeScratch scratch;
    for (;;) {
      ASSIGN_OR_RETURN(const std::unique_ptr<RowChunk> chunk, reader->Read({}));
      if (chunk == nullptr) return object->CheckUnchanged();
      chunk->ForEachRow(scratch, *this);
      RETURN_IF_ERROR(status_);
    }
  }

 private:
  void OnRow(const Row& row) override {
    if (!status_.ok()) return;
    if (row.shape->id != shape_) Locate(*row.shape);
    for (size_t i = 0; i < cells_.size() && status_.ok(); ++i) cells_[i] = row.values[places_[i]];
    if (status_.ok()) status_ = see_(cells_);
  }

  void OnBadRow(uint64_t number, const absl::Status& why, std::string_view) override {
    if (status_.ok()) status_ = absl::DataLossError(StrCat("row ", number, ": ", why.message()));
  }

  void Locate(const RowShape& shape) {
    shape_ = shape.id;
    places_.clear();
    for (const std::string& column : columns_) {
      const auto found = std::find(shape.names.begin(), shape.names.end(), column);
      if (found == shape.names.end()) {
        status_ = absl::DataLossError(StrCat("it has no column '", column, "'"));
        return;
      }
      places_.push_back(static_cast<size_t>(found - shape.names.begin()));
    }
  }

  const std::vector<std::string> columns_;
  const See see_;
  std::vector<Value> cells_;
  std::vector<size_t> places_;
  uint64_t shape_ = 0;
  absl::Status status_;
};

absl::Status ReadDeletes(const StoredObject& file, const std::vector<std::string>& columns,
                         DeleteRows::See see) {
  ASSIGN_OR_RETURN(std::unique_ptr<ObjectReader> reader, file.store->Open(file.info));
  return DeleteRows(columns, std::move(see)).ReadAll(std::move(reader));
}

Hash128 KeyOf(absl::Span<const Value> values, ByteBuffer& text) {
  text.clear();
  for (Value value : values) {
    // A float column may have been widened to double.
    if (value.kind == Value::Kind::kFloat) value.kind = Value::Kind::kDouble;
    AppendJsonValue(text, value);
    text.Append('\0');
  }
  return HashBytes(text.view());
}

}  // namespace

absl::Status PositionDeletes::Add(const StoredObject& file, int64_t sequence) {
  std::vector<Deleted>* list = nullptr;
  std::string path;
  return ReadDeletes(file, {"file_path", "pos"}, [&](absl::Span<const Value> cells) {
    if (cells[0].kind != Value::Kind::kText || cells[1].kind != Value::Kind::kInt ||
        cells[1].integer < 0) {
      return absl::DataLossError("a row of it is not a file path and a position");
    }
    if (++rows_ > kMaxDeletedRows) return TooMany();
    // Rows are sorted by path.
    if (list == nullptr || cells[0].text != path) {
      path = std::string(cells[0].text);
      list = &files_[path];
    }
    list->push_back({static_cast<uint64_t>(cells[1].integer), sequence});
    return absl::OkStatus();
  });
}

std::shared_ptr<const std::vector<uint64_t>> PositionDeletes::Of(std::string_view path,
                                                                 int64_t sequence) const {
  const auto found = files_.find(path);
  if (found == files_.end()) return nullptr;
  auto rows = std::make_shared<std::vector<uint64_t>>();
  for (const Deleted& deleted : found->second) {
    if (deleted.sequence >= sequence) rows->push_back(deleted.row);
  }
  std::sort(rows->begin(), rows->end());
  rows->erase(std::unique(rows->begin(), rows->end()), rows->end());
  if (rows->empty()) return nullptr;
  return rows;
}

absl::Status EqualityDeletes::Add(const StoredObject& file, int64_t sequence, size_t& left) {
  ASSIGN_OR_RETURN(std::shared_ptr<ObjectReader> object, file.store->Open(file.info));
  ASSIGN_OR_RETURN(const ParquetFieldIds ids, ReadParquetFieldIds(object));
  std::vector<std::string> columns;
  std::vector<bool> is_float;
  for (const int32_t id : column_ids_) {
    const auto found = ids.names_by_id.find(id);
    if (found == ids.names_by_id.end()) {
      return absl::DataLossError(
          StrCat("it has no column with the field id ", id, ", by which it deletes rows"));
    }
    columns.push_back(found->second);
    is_float.push_back(ids.float_ids.contains(id));
  }
  ByteBuffer text;
  return DeleteRows(columns,
                    [&](absl::Span<const Value> cells) {
                      for (size_t i = 0; i < cells.size(); ++i) {
                        if (is_float[i] && cells[i].kind == Value::Kind::kNull) {
                          return NotANumber(columns[i]);
                        }
                      }
                      const auto [key, is_new] = keys_.try_emplace(KeyOf(cells, text), sequence);
                      if (!is_new) {
                        key->second = std::max(key->second, sequence);
                      } else if (left-- == 0) {
                        left = 0;
                        return TooMany();
                      }
                      return absl::OkStatus();
                    })
      .ReadAll(std::move(object));
}

bool EqualityDeletes::Drops(absl::Span<const Value> values, int64_t data_sequence) const {
  thread_local ByteBuffer text;
  const auto found = keys_.find(KeyOf(values, text));
  return found != keys_.end() && found->second > data_sequence;
}

}  // namespace millrace
