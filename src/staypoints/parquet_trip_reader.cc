#include "staypoints/parquet_trip_reader.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/str_join.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/id_text.h"
#include "formats/parquet_columns.h"
#include "formats/utf8_validation.h"
#include "staypoints/trip_values.h"

namespace millrace {
namespace {

constexpr size_t kBatchRows = 4096;
constexpr size_t kSampledGroups = 16;
constexpr size_t kSampledAtOnce = 1024;

struct NoProblems : CellProblems {
  void OnProblem(size_t, absl::Status) override {}
};

// The user ids of a batch, one after another.
class IdCursor {
 public:
  IdCursor(const ParquetLeaf* leaf, const LeafColumn& column, size_t rows, CellContext& context)
      : leaf_(leaf), column_(column) {
    if (leaf == nullptr) return;
    if (leaf->storage == LeafStorage::kText) {
      const LeafCursor cursor(*leaf, column);
      is_utf8_ = leaf->rule == LeafRule::kText && cursor.is_utf8;
      return;
    }
    cells_.resize(rows);
    LeafCursor cursor(*leaf, column);
    NoProblems problems;
    FillCells(cursor, rows, cells_.data(), 1, context, problems);
  }

  // The next row's id; false if it is null or blank.
  bool Next(std::string_view& id, bool& is_utf8) {
    const size_t row = row_++;
    id = {};
    is_utf8 = true;
    if (leaf_ == nullptr) return false;
    if (!cells_.empty()) return ReadId(cells_[row], scratch_, id);
    if (leaf_->max_definition > 0 && column_.definitions[row] != leaf_->max_definition) {
      return false;
    }
    id = column_.text_at(value_++);
    is_utf8 = is_utf8_ || IsUtf8(id);
    return !IsBlank(id);
  }

 private:
  const ParquetLeaf* const leaf_;
  const LeafColumn& column_;
  bool is_utf8_ = false;      // all are
  std::vector<Value> cells_;  // of ids that are not stored as text
  ByteBuffer scratch_;
  size_t row_ = 0;
  size_t value_ = 0;
};

// Some rows of a row group. Its memory is reused.
class Batch {
 public:
  Batch(const TripFile& file, const ParquetColumns& columns) : file_(file), columns_(columns) {}

  absl::StatusOr<size_t> Read(ParquetGroup& group) {
    ASSIGN_OR_RETURN(const size_t rows, group.Read(kBatchRows, leaves_));
    return rows;
  }

  // Passes the rows, the first of which is `first_row` of the file, to `visitor`.
  absl::Status Visit(uint64_t first_row, size_t rows, TripVisitor& visitor) {
    std::vector<int64_t>& start = times_[0];
    std::vector<int64_t>& end = times_[1];
    ReadTimes(columns_.leaf(kStartTime), leaves_[kStartTime], rows, context_, start);
    ReadTimes(columns_.leaf(kEndTime), leaves_[kEndTime], rows, context_, end);
    for (size_t i = 0; i < coordinates_.size(); ++i) {
      ReadCoordinates(columns_.leaf(kStartLat + i), leaves_[kStartLat + i], rows, context_,
                      coordinates_[i]);
    }
    const uint64_t deleted = MarkDeleted(first_row, rows);
    has_cells_ = false;
    IdCursor ids(columns_.leaf(kUserId), leaves_[kUserId], rows, context_);
    Trip trip;
    for (size_t row = 0; row < rows; ++row) {
      bool is_utf8;
      const bool has_id = ids.Next(trip.user_id, is_utf8);
      if (deleted > 0 && deleted_[row]) continue;
      trip.start = start[row];
      trip.end = end[row];
      trip.start_lat = coordinates_[0][row];
      trip.start_lng = coordinates_[1][row];
      trip.end_lat = coordinates_[2][row];
      trip.end_lng = coordinates_[3][row];
      if (!IsPossible(trip, has_id, is_utf8)) [[unlikely]] {
        RETURN_IF_ERROR(Reject(trip, has_id, is_utf8, first_row, row, rows, visitor));
      } else {
        RETURN_IF_ERROR(visitor.OnTrip(trip));
      }
    }
    visitor.OnRows(rows, deleted);
    return absl::OkStatus();
  }

  const LeafColumn& ids() const { return leaves_[kUserId]; }
  CellContext& context() { return context_; }

 private:
  absl::Status Reject(const Trip& trip, bool has_id, bool is_utf8, uint64_t first_row, size_t row,
                      size_t rows, TripVisitor& visitor) {
    if (!has_cells_) {
      for (size_t i = 0; i < kTripColumns; ++i) FillColumn(i, rows, cells_[i]);
      has_cells_ = true;
    }
    Value values[kTripColumns];
    for (size_t i = 0; i < kTripColumns; ++i) values[i] = cells_[i][row];
    Rejection why = WhyImpossible(trip, has_id, is_utf8, *file_.columns, values);
    why.source_row = first_row + row;
    why.payload_before = TripAsJson(*file_.columns, values);
    return visitor.OnRejected(std::move(why));
  }

  void FillColumn(size_t column, size_t rows, std::vector<Value>& cells) {
    cells.assign(rows, Value::Null());
    const ParquetLeaf* const leaf = columns_.leaf(column);
    if (leaf == nullptr) return;
    LeafCursor cursor(*leaf, leaves_[column]);
    NoProblems problems;
    FillCells(cursor, rows, cells.data(), 1, context_, problems);
  }

  // Sets deleted_ and returns how many rows are.
  uint64_t MarkDeleted(uint64_t first_row, size_t rows) {
    if (file_.deleted_rows == nullptr && file_.filters.empty()) return 0;
    deleted_.assign(rows, 0);
    if (file_.deleted_rows != nullptr) {
      const std::vector<uint64_t>& positions = *file_.deleted_rows;
      auto at = std::lower_bound(positions.begin(), positions.end(), first_row);
      for (; at != positions.end() && *at < first_row + rows; ++at) deleted_[*at - first_row] = 1;
    }
    size_t column = kTripColumns;
    for (const auto& filter : file_.filters) {
      const size_t width = filter->columns().size();
      filter_cells_.resize(width);
      for (size_t i = 0; i < width; ++i) FillColumn(column++, rows, filter_cells_[i]);
      filter_values_.resize(width);
      for (size_t row = 0; row < rows; ++row) {
        for (size_t i = 0; i < width; ++i) filter_values_[i] = filter_cells_[i][row];
        if (filter->Drops(filter_values_)) deleted_[row] = 1;
      }
      context_.arena().Clear();
    }
    return static_cast<uint64_t>(std::count(deleted_.begin(), deleted_.end(), 1));
  }

  const TripFile& file_;
  const ParquetColumns& columns_;
  std::vector<LeafColumn> leaves_;
  CellContext context_;
  std::array<std::vector<int64_t>, 2> times_;
  std::array<std::vector<double>, 4> coordinates_;
  std::vector<uint8_t> deleted_;
  bool has_cells_ = false;  // cells_ are those of the current rows
  std::array<std::vector<Value>, kTripColumns> cells_;
  std::vector<std::vector<Value>> filter_cells_;
  std::vector<Value> filter_values_;
};

class ParquetTripReader : public TripReader {
 public:
  ParquetTripReader(const TripFile& file, std::unique_ptr<ParquetColumns> columns,
                    std::shared_ptr<ObjectReader> object)
      : file_(file), columns_(std::move(columns)), object_(std::move(object)) {}

  absl::StatusOr<bool> ReadPart(TripVisitor& visitor, std::stop_token stop) override {
    const size_t group = next_group_++;
    if (group >= columns_->groups().size()) return false;
    RETURN_IF_ERROR(
        Annotate(ReadGroup(group, visitor, std::move(stop)), StrCat("reading ", file_.object.uri)));
    return true;
  }

  absl::StatusOr<std::vector<std::string>> SampleIds(size_t max) override {
    std::vector<std::string> sampled;
    const size_t groups = columns_->groups().size();
    const size_t taken = std::min({groups, kSampledGroups, std::max<size_t>(max / 64, 1)});
    for (size_t i = 0; i < taken; ++i) {
      const size_t group = (2 * i + 1) * groups / (2 * taken);
      RETURN_IF_ERROR(
          Annotate(SampleGroup(group, max / taken, sampled), StrCat("reading ", file_.object.uri)));
    }
    return sampled;
  }

  uint64_t estimated_rows() const override {
    const auto& groups = columns_->groups();
    return groups.empty() ? 0 : groups.back().first_row + groups.back().rows;
  }

 private:
  absl::Status ReadGroup(size_t group, TripVisitor& visitor, std::stop_token stop) {
    ASSIGN_OR_RETURN(const auto reader, columns_->OpenGroup(group));
    uint64_t row = columns_->groups()[group].first_row;
    Batch batch(file_, *columns_);
    for (;;) {
      if (stop.stop_requested()) return absl::CancelledError("stopped");
      ASSIGN_OR_RETURN(const size_t rows, batch.Read(*reader));
      if (rows == 0) break;
      RETURN_IF_ERROR(batch.Visit(row, rows, visitor));
      row += rows;
    }
    return object_->CheckUnchanged();
  }

  absl::Status SampleGroup(size_t group, size_t max, std::vector<std::string>& sampled) {
    ASSIGN_OR_RETURN(const auto reader, columns_->OpenGroup(group));
    std::vector<LeafColumn> leaves;
    ASSIGN_OR_RETURN(const size_t rows,
                     reader->Read(std::clamp<size_t>(max, 1, kSampledAtOnce), leaves));
    CellContext context;
    IdCursor ids(columns_->leaf(0), leaves[0], rows, context);
    for (size_t row = 0; row < rows; ++row) {
      std::string_view id;
      bool is_utf8;
      if (ids.Next(id, is_utf8) && is_utf8 && id.size() <= kMaxIdBytes) sampled.emplace_back(id);
    }
    return absl::OkStatus();
  }

  const TripFile file_;
  const std::unique_ptr<ParquetColumns> columns_;
  const std::shared_ptr<ObjectReader> object_;
  std::atomic<size_t> next_group_ = 0;
};

absl::Status MissingColumn(size_t index, const ColumnRef& column, const ParquetColumns& columns) {
  const std::string id =
      column.field_id ? StrCat(" (field id ", *column.field_id, ")") : std::string();
  return absl::InvalidArgumentError(StrCat("the file has no column ", column.name, id,
                                           "; the columns are ",
                                           absl::StrJoin(columns.names(), ", "), HowToName(index)));
}

// A file without ids, whose columns would all be null, which nobody intends.
absl::Status CheckFieldIds(const TripColumnRefs& refs, const ParquetColumns& columns) {
  for (size_t i = 0; i < kTripColumns; ++i) {
    if (!refs[i].field_id || columns.leaf(i) != nullptr) return absl::OkStatus();
  }
  if (columns.has_field_ids()) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat(
      "its columns (", absl::StrJoin(columns.names(), ", "),
      ") have no field ids, which are needed to find those of the table; give the table a name "
      "mapping (the property schema.name-mapping.default)"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TripReader>> OpenParquetTrips(const TripFile& file,
                                                             std::shared_ptr<ObjectReader> object) {
  std::vector<ColumnRef> wanted(file.columns->begin(), file.columns->end());
  for (const auto& filter : file.filters) {
    wanted.insert(wanted.end(), filter->columns().begin(), filter->columns().end());
  }
  std::vector<ParquetColumnRef> refs;
  for (const ColumnRef& column : wanted) refs.push_back({column.name, column.field_id});
  ASSIGN_OR_RETURN(auto columns, ParquetColumns::Open(object, refs));
  RETURN_IF_ERROR(CheckFieldIds(*file.columns, *columns));
  for (size_t i = 0; i < wanted.size(); ++i) {
    const ParquetLeaf* const leaf = columns->leaf(i);
    if (leaf == nullptr && !wanted[i].may_be_missing) {
      return MissingColumn(i, wanted[i], *columns);
    }
    if (leaf == nullptr || i >= kTripColumns) continue;
    RETURN_IF_ERROR(CheckTripLeaf(static_cast<TripColumn>(i), wanted[i].name, *leaf));
  }
  return std::make_unique<ParquetTripReader>(file, std::move(columns), std::move(object));
}

}  // namespace millrace
