#include "formats/table_rows.h"

#include <algorithm>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/parquet_reader.h"

namespace millrace {
namespace {

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The rows of a table's file that count. Shared by the chunks of one reader; thread-safe.
class RowSelection {
 public:
  // `names` are those under which the columns of the filters are read, filter by filter; `hidden`
  // are columns that are read for the filters only.
  RowSelection(const TableRows& table, std::vector<std::string> names,
               std::vector<std::string> hidden)
      : deleted_rows_(table.deleted_rows),
        filters_(table.filters),
        names_(std::move(names)),
        hidden_(std::move(hidden)) {}

  bool counts_all() const { return deleted_rows_ == nullptr && filters_.empty(); }

  const std::vector<uint64_t>* deleted_rows() const { return deleted_rows_.get(); }
  const std::vector<std::shared_ptr<const RowFilter>>& filters() const { return filters_; }

  // What is done with the rows of one shape of the file.
  struct Layout {
    RowShape shape;            // without hidden columns
    std::vector<size_t> kept;  // their places in the file's shape
    // The places of the columns of the filters; kMissing: the file does not have the column.
    std::vector<size_t> filtered;
  };
  static constexpr size_t kMissing = SIZE_MAX;

  std::shared_ptr<const Layout> LayoutOf(const RowShape& shape) {
    absl::MutexLock lock(&mutex_);
    std::shared_ptr<const Layout>& layout = layouts_[shape.id];
    if (layout == nullptr) layout = MakeLayout(shape);
    return layout;
  }

 private:
  std::shared_ptr<const Layout> MakeLayout(const RowShape& shape) const {
    auto layout = std::make_shared<Layout>();
    std::vector<std::string> names;
    for (size_t i = 0; i < shape.names.size(); ++i) {
      if (Contains(hidden_, shape.names[i])) continue;
      layout->kept.push_back(i);
      names.push_back(shape.names[i]);
    }
    layout->shape = names.size() == shape.names.size() ? shape : RowShape::Make(std::move(names));
    for (const std::string& name : names_) {
      const auto found = std::find(shape.names.begin(), shape.names.end(), name);
      layout->filtered.push_back(
          found == shape.names.end() ? kMissing : static_cast<size_t>(found - shape.names.begin()));
    }
    return layout;
  }

  const std::shared_ptr<const std::vector<uint64_t>> deleted_rows_;
  const std::vector<std::shared_ptr<const RowFilter>> filters_;
  const std::vector<std::string> names_;
  const std::vector<std::string> hidden_;
  absl::Mutex mutex_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<const Layout>> layouts_ ABSL_GUARDED_BY(mutex_);
};

// Passes the rows that count to another visitor.
class SelectingVisitor : public RowVisitor {
 public:
  SelectingVisitor(RowSelection& selection, uint64_t first_row, RowVisitor& to)
      : selection_(selection), to_(to) {
    if (const std::vector<uint64_t>* const deleted = selection.deleted_rows()) {
      next_deleted_ = std::lower_bound(deleted->begin(), deleted->end(), first_row);
      deleted_end_ = deleted->end();
    }
  }

  void OnRow(const Row& row) override {
    if (IsDeleted(row.number)) return to_.OnFilteredRow(row.number);
    if (layout_ == nullptr || row.shape->id != shape_) {
      layout_ = selection_.LayoutOf(*row.shape);
      shape_ = row.shape->id;
    }
    if (IsDropped(row)) return to_.OnFilteredRow(row.number);
    if (layout_->shape.id == shape_) return to_.OnRow(row);
    values_.clear();
    for (const size_t place : layout_->kept) values_.push_back(row.values[place]);
    to_.OnRow({.number = row.number, .shape = &layout_->shape, .values = values_});
  }

  // Filters do not apply to a row that cannot be read.
  void OnBadRow(uint64_t number, const absl::Status& why, std::string_view raw) override {
    if (IsDeleted(number)) return to_.OnFilteredRow(number);
    to_.OnBadRow(number, why, raw);
  }

 private:
  // Called with ascending numbers.
  bool IsDeleted(uint64_t number) {
    while (next_deleted_ != deleted_end_ && *next_deleted_ < number) ++next_deleted_;
    return next_deleted_ != deleted_end_ && *next_deleted_ == number;
  }

  bool IsDropped(const Row& row) {
    size_t column = 0;
    for (const auto& filter : selection_.filters()) {
      values_.clear();
      for (size_t i = 0; i < filter->columns().size(); ++i) {
        const size_t place = layout_->filtered[column++];
        values_.push_back(place == RowSelection::kMissing ? Value::Null() : row.values[place]);
      }
      if (filter->Drops(values_)) return true;
    }
    return false;
  }

  RowSelection& selection_;
  RowVisitor& to_;
  std::vector<uint64_t>::const_iterator next_deleted_, deleted_end_;
  std::shared_ptr<const RowSelection::Layout> layout_;
  uint64_t shape_ = 0;  // that layout_ is for
  std::vector<Value> values_;
};

class TableChunk : public RowChunk {
 public:
  TableChunk(std::unique_ptr<RowChunk> rows, std::shared_ptr<RowSelection> selection)
      : rows_(std::move(rows)), selection_(std::move(selection)) {}

  uint64_t first_row() const override { return rows_->first_row(); }
  uint64_t row_count() const override { return rows_->row_count(); }
  Position after() const override { return rows_->after(); }
  size_t memory() const override { return rows_->memory(); }
  void ForEachRow(DecodeScratch& scratch, RowVisitor& visitor) override {
    SelectingVisitor selecting(*selection_, first_row(), visitor);
    rows_->ForEachRow(scratch, selecting);
  }

 private:
  const std::unique_ptr<RowChunk> rows_;
  const std::shared_ptr<RowSelection> selection_;
};

class TableRowReader : public RowReader {
 public:
  TableRowReader(std::unique_ptr<RowReader> file, std::shared_ptr<RowSelection> selection,
                 const TableRows& table)
      : file_(std::move(file)),
        selection_(std::move(selection)),
        columns_(table.columns),
        has_no_rows_(table.has_no_rows) {}

  absl::StatusOr<std::unique_ptr<RowChunk>> Read(const ChunkLimits& limits) override {
    if (has_no_rows_) return nullptr;
    absl::StatusOr<std::unique_ptr<RowChunk>> rows = file_->Read(limits);
    if (!rows.ok() || *rows == nullptr || selection_->counts_all()) return rows;
    return std::make_unique<TableChunk>(*std::move(rows), selection_);
  }

  FileType type() const override { return file_->type(); }
  uint64_t raw_bytes() const override { return file_->raw_bytes(); }
  uint64_t known_rows() const override { return has_no_rows_ ? 0 : file_->known_rows(); }
  std::vector<std::string> columns() const override { return *columns_; }
  std::vector<RenamedColumn> renamed_columns() const override { return file_->renamed_columns(); }

 private:
  const std::unique_ptr<RowReader> file_;
  const std::shared_ptr<RowSelection> selection_;
  const std::shared_ptr<const std::vector<std::string>> columns_;
  const bool has_no_rows_;
};

// Adds the columns of filters to what is read of a file.
class FilterColumns {
 public:
  FilterColumns(const TableRows& table, ReadOptions& options)
      : options_(options), names_(*table.names), all_(options.columns.empty()) {
    for (const auto& filter : table.filters) {
      for (const ColumnRef& column : filter->columns()) read_as_.push_back(Add(column));
    }
    options_.field_names = std::make_shared<const FieldNames>(std::move(names_));
  }

  std::vector<std::string> TakeReadAs() { return std::move(read_as_); }
  std::vector<std::string> TakeHidden() { return std::move(hidden_); }

 private:
  // The name under which `column` is read.
  std::string Add(const ColumnRef& column) {
    std::string* const known = NameOf(column);
    if (known != nullptr) {
      if (!all_ && !Contains(options_.columns, *known)) {
        options_.columns.push_back(*known);
        hidden_.push_back(*known);
      }
      return *known;
    }
    // A column that the table no longer has. No column of a table has such a name: it is not text.
    std::string name = StrCat("\xff", hidden_.size());
    if (column.field_id) {
      names_.by_id[*column.field_id] = name;
    } else if (names_.by_name) {
      (*names_.by_name)[column.name] = name;
    }
    if (!all_) options_.columns.push_back(name);
    hidden_.push_back(name);
    return name;
  }

  std::string* NameOf(const ColumnRef& column) {
    if (column.field_id) {
      const auto found = names_.by_id.find(*column.field_id);
      return found == names_.by_id.end() ? nullptr : &found->second;
    }
    if (!names_.by_name) return nullptr;
    const auto found = names_.by_name->find(column.name);
    return found == names_.by_name->end() ? nullptr : &found->second;
  }

  ReadOptions& options_;
  FieldNames names_;
  const bool all_;
  std::vector<std::string> read_as_;
  std::vector<std::string> hidden_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RowReader>> OpenTableRows(std::shared_ptr<ObjectReader> object,
                                                         const TableRows& table,
                                                         const ReadOptions& options) {
  ReadOptions read = options;
  read.field_names = table.names;
  std::vector<std::string> read_as, hidden;
  if (!table.filters.empty()) {
    FilterColumns columns(table, read);
    read_as = columns.TakeReadAs();
    hidden = columns.TakeHidden();
  }
  ASSIGN_OR_RETURN(std::unique_ptr<RowReader> file, OpenParquet(std::move(object), read));
  auto selection = std::make_shared<RowSelection>(table, std::move(read_as), std::move(hidden));
  return std::make_unique<TableRowReader>(std::move(file), std::move(selection), table);
}

}  // namespace millrace
