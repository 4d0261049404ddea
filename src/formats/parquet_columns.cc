#include "formats/parquet_columns.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "formats/column_names.h"
#include "formats/parquet_file.h"
#include "formats/parquet_footer_internal.h"
#include "parquet/schema.h"

namespace millrace {
namespace {

constexpr size_t kMaxTextBytes = 16 << 20;  // of a column in one Read()

void Clear(LeafColumn& column) {
  column.rows = 0;
  column.definitions.clear();
  column.repetitions.clear();
  column.values.clear();
  column.ends.clear();
  column.text.clear();
  column.dictionary.reset();
}

class PagesGroup : public ParquetGroup {
 public:
  PagesGroup(std::unique_ptr<ParquetPages> pages, std::vector<std::unique_ptr<LeafReader>> readers,
             const std::vector<const ParquetLeaf*>& wanted, size_t group, uint64_t first_row,
             uint64_t rows)
      : pages_(std::move(pages)),
        readers_(std::move(readers)),
        wanted_(wanted),
        group_(group),
        row_(first_row),
        left_(rows) {}

  absl::StatusOr<size_t> Read(size_t max, std::vector<LeafColumn>& columns) override {
    columns.resize(wanted_.size());
    size_t rows = std::min<uint64_t>(max, left_);
    size_t reader = 0;
    // A column with long rows returns fewer, and then fewer are requested from the others.
    for (size_t i = 0; i < wanted_.size() && rows > 0; ++i) {
      LeafColumn& column = columns[i];
      Clear(column);
      if (wanted_[i] == nullptr) continue;
      const absl::Status status = readers_[reader++]->Take(rows, kMaxTextBytes, column);
      RETURN_IF_ERROR(AtParquetRow(status, group_, row_ + column.rows, *wanted_[i]));
      if (column.rows < rows && i > 0) return Unequal(*wanted_[i]);
      rows = std::min(rows, column.rows);
    }
    row_ += rows;
    left_ -= rows;
    return rows;
  }

 private:
  // Only the first column may be limited by the size of its texts.
  absl::Status Unequal(const ParquetLeaf& leaf) const {
    return AtParquetRow(absl::InvalidArgumentError(StrCat("its texts are longer than ",
                                                          kMaxTextBytes >> 20, " MB together")),
                        group_, row_, leaf);
  }

  const std::unique_ptr<ParquetPages> pages_;
  const std::vector<std::unique_ptr<LeafReader>> readers_;  // of the columns that the file has
  const std::vector<const ParquetLeaf*>& wanted_;
  const size_t group_;
  uint64_t row_;
  uint64_t left_;
};

class FileColumns : public ParquetColumns {
 public:
  explicit FileColumns(std::shared_ptr<ObjectReader> object) : object_(std::move(object)) {}

  absl::Status Open(const std::vector<ParquetColumnRef>& columns) {
    ASSIGN_OR_RETURN(footer_, ReadParquetFooter(object_));
    for (const ParquetRowGroup& group : footer_.groups) {
      groups_.push_back({group.first_row, group.rows});
    }
    const auto& root = *footer_.metadata->schema()->group_node();
    std::vector<std::string> given;
    for (int i = 0; i < root.field_count(); ++i) given.push_back(root.field(i)->name());
    std::vector<RenamedColumn> renamed;
    names_ = UniqueColumnNames(std::move(given), renamed);
    std::vector<std::string> names;
    for (const ParquetColumnRef& column : columns) names.push_back(NameOf(column, root));
    if (std::all_of(names.begin(), names.end(), [](const auto& name) { return name.empty(); })) {
      wanted_.resize(columns.size());
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(schema_, CompileParquetSchema(*footer_.metadata->schema(), names));
    for (const ParquetColumnRef& column : columns) RETURN_IF_ERROR(CheckStandsOnce(column));
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const ParquetLeaf* leaf, LeafOf(name));
      wanted_.push_back(leaf);
      if (leaf != nullptr) found_.push_back(leaf);
    }
    return absl::OkStatus();
  }

  const std::vector<Group>& groups() const override { return groups_; }
  const ParquetLeaf* leaf(size_t column) const override { return wanted_[column]; }

  std::vector<std::string> names() const override { return names_; }

  bool has_field_ids() const override {
    const auto& root = *footer_.metadata->schema()->group_node();
    for (int i = 0; i < root.field_count(); ++i) {
      if (root.field(i)->field_id() >= 0) return true;
    }
    return false;
  }

  absl::StatusOr<std::unique_ptr<ParquetGroup>> OpenGroup(size_t group) const override {
    ASSIGN_OR_RETURN(auto pages, ParquetPages::Open(object_, footer_, found_.size()));
    ASSIGN_OR_RETURN(auto readers, pages->OpenGroup(footer_, group, found_));
    return std::make_unique<PagesGroup>(std::move(pages), std::move(readers), wanted_, group,
                                        groups_[group].first_row, groups_[group].rows);
  }

 private:
  // The name of the column; empty if the file has none with its field id.
  std::string NameOf(const ParquetColumnRef& column, const parquet::schema::GroupNode& root) const {
    if (!column.field_id) return column.name;
    for (int i = 0; i < root.field_count(); ++i) {
      if (root.field(i)->field_id() == *column.field_id) return names_[static_cast<size_t>(i)];
    }
    return "";
  }

  // InvalidArgument if the file has more than one column of that name.
  absl::Status CheckStandsOnce(const ParquetColumnRef& column) const {
    if (column.field_id) return absl::OkStatus();
    for (const RenamedColumn& other : schema_->renamed) {
      if (column.name != other.name && !column.name.starts_with(other.name + ".")) continue;
      return AmbiguousColumn(other.name);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<const ParquetLeaf*> LeafOf(const std::string& name) const {
    if (name.empty()) return nullptr;
    bool is_group = false;
    for (const ParquetLeaf& leaf : schema_->leaves) {
      if (leaf.path == name && leaf.max_repetition == 0) return &leaf;
      is_group |= leaf.path == name || leaf.path.starts_with(name + ".");
    }
    if (!is_group) return nullptr;
    return absl::InvalidArgumentError(
        StrCat("column ", name, " is a list or a group; it must hold one value per row"));
  }

  const std::shared_ptr<ObjectReader> object_;
  ParquetFooter footer_;
  std::vector<Group> groups_;
  std::vector<std::string> names_;  // of all columns, each once
  std::shared_ptr<const ParquetSchema> schema_;
  std::vector<const ParquetLeaf*> wanted_;  // of each requested column, or null
  std::vector<const ParquetLeaf*> found_;   // without the nulls
};

}  // namespace

absl::StatusOr<std::unique_ptr<ParquetColumns>> ParquetColumns::Open(
    std::shared_ptr<ObjectReader> object, const std::vector<ParquetColumnRef>& columns) {
  auto file = std::make_unique<FileColumns>(std::move(object));
  try {
    RETURN_IF_ERROR(Annotate(file->Open(columns), "reading the Parquet footer"));
  } catch (...) {
    return CaughtParquetError();
  }
  return file;
}

}  // namespace millrace
