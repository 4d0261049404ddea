#include "staypoints/text_trip_reader.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/row_reader.h"
#include "staypoints/trip_values.h"

namespace millrace {
namespace {

constexpr uint64_t kUsualRowBytes = 80;
constexpr ChunkLimits kChunk = {4000, 1 << 20};

// Rows of text to trips.
class RowTrips : public RowVisitor {
 public:
  RowTrips(const TripColumnRefs& names, TripVisitor& visitor) : names_(names), visitor_(visitor) {}

  void OnRow(const Row& row) override {
    if (!status_.ok()) return;
    if (row.shape->id != shape_) FindColumns(*row.shape);
    Value values[kTripColumns];
    for (size_t i = 0; i < kTripColumns; ++i) {
      if (cells_[i]) values[i] = row.values[*cells_[i]];
    }
    Trip trip;
    const bool has_id = ReadId(values[kUserId], id_, trip.user_id);
    trip.start = TimeOf(values[kStartTime]);
    trip.end = TimeOf(values[kEndTime]);
    trip.start_lat = CoordinateOf(values[kStartLat]);
    trip.start_lng = CoordinateOf(values[kStartLng]);
    trip.end_lat = CoordinateOf(values[kEndLat]);
    trip.end_lng = CoordinateOf(values[kEndLng]);
    if (IsPossible(trip, has_id, true)) [[likely]] {
      status_ = visitor_.OnTrip(trip);
      return;
    }
    Rejection why = WhyImpossible(trip, has_id, true, names_, values);
    why.source_row = row.number;
    why.payload_before = TripAsJson(names_, values);
    status_ = visitor_.OnRejected(std::move(why));
  }

  void OnBadRow(uint64_t number, const absl::Status& why, std::string_view raw) override {
    OnOverlongRow(number, why, raw, raw.size());
  }
  void OnOverlongRow(uint64_t number, const absl::Status& why, std::string_view raw,
                     uint64_t size) override {
    if (!status_.ok()) return;
    const std::string_view kept = raw.substr(0, kMaxPayloadBytes);
    status_ = visitor_.OnRejected({.source_row = number,
                                   .code = "unreadable_row",
                                   .message = std::string(ToStd(why.message())),
                                   .payload_before = std::string(kept),
                                   .payload_before_bytes = size > kept.size() ? size : 0});
  }

  const absl::Status& status() const { return status_; }
  // Of the rows that could be read.
  bool has_rows() const { return has_rows_; }
  ColumnSet columns() const { return columns_; }

 private:
  void FindColumns(const RowShape& shape) {
    shape_ = shape.id;
    has_rows_ = true;
    for (size_t i = 0; i < kTripColumns; ++i) {
      const auto found = std::find(shape.names.begin(), shape.names.end(), names_[i].name);
      cells_[i] = found == shape.names.end()
                      ? std::nullopt
                      : std::optional(static_cast<size_t>(found - shape.names.begin()));
      if (cells_[i]) columns_.set(i);
    }
  }

  const TripColumnRefs& names_;
  TripVisitor& visitor_;
  uint64_t shape_ = 0;
  std::array<std::optional<size_t>, kTripColumns> cells_;  // of the current shape
  bool has_rows_ = false;
  ColumnSet columns_;
  ByteBuffer id_;
  absl::Status status_;
};

// Keeps the ids, for a sample.
class IdCollector : public TripVisitor {
 public:
  explicit IdCollector(size_t max) : max_(max) {}
  absl::Status OnTrip(const Trip& trip) override {
    if (ids.size() < max_) ids.emplace_back(trip.user_id);
    return absl::OkStatus();
  }
  absl::Status OnRejected(Rejection) override { return absl::OkStatus(); }
  void OnRows(uint64_t, uint64_t) override {}
  void OnColumnsByRow(const ColumnSet&) override {}

  std::vector<std::string> ids;

 private:
  const size_t max_;
};

class TextTripReader : public TripReader {
 public:
  TextTripReader(const TripFile& file, std::shared_ptr<ObjectReader> object,
                 std::unique_ptr<RowReader> rows)
      : file_(file),
        object_(std::move(object)),
        rows_(std::move(rows)),
        has_header_(!rows_->columns().empty()) {}

  absl::StatusOr<bool> ReadPart(TripVisitor& visitor, std::stop_token stop) override {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    ASSIGN_OR_RETURN(const std::unique_ptr<RowChunk> chunk, NextChunk());
    if (chunk == nullptr) return false;
    DecodeScratch scratch;
    RowTrips trips(*file_.columns, visitor);
    chunk->ForEachRow(scratch, trips);
    RETURN_IF_ERROR(trips.status());
    visitor.OnRows(chunk->row_count(), 0);
    if (has_header_ || !trips.has_rows()) return EndChunk(false, {});
    visitor.OnColumnsByRow(trips.columns());
    return EndChunk(true, trips.columns());
  }

  absl::StatusOr<std::vector<std::string>> SampleIds(size_t max) override {
    IdCollector collector(max);
    while (collector.ids.size() < max) {
      ASSIGN_OR_RETURN(const bool more, ReadPart(collector, {}));
      if (!more) break;
    }
    return std::move(collector.ids);
  }

  uint64_t estimated_rows() const override { return file_.object.size / kUsualRowBytes + 1; }

 private:
  // Null at the end.
  absl::StatusOr<std::unique_ptr<RowChunk>> NextChunk() {
    absl::MutexLock lock(&mutex_);
    if (at_end_) return nullptr;
    absl::StatusOr<std::unique_ptr<RowChunk>> chunk = rows_->Read(kChunk);
    if (!chunk.ok()) return Annotate(chunk.status(), StrCat("reading ", file_.object.uri));
    if (*chunk != nullptr) {
      ++open_chunks_;
      return chunk;
    }
    at_end_ = true;
    RETURN_IF_ERROR(object_->CheckUnchanged());
    RETURN_IF_ERROR(CheckColumns());
    return nullptr;
  }

  absl::StatusOr<bool> EndChunk(bool has_rows, const ColumnSet& columns) {
    absl::MutexLock lock(&mutex_);
    --open_chunks_;
    has_rows_ = has_rows_ || has_rows;
    columns_ |= columns;
    RETURN_IF_ERROR(CheckColumns());
    return true;
  }

  // Whether files without a header contain trips is known only at their end.
  absl::Status CheckColumns() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!at_end_ || open_chunks_ > 0 || !has_rows_) return absl::OkStatus();
    for (const TripColumn column : {kUserId, kStartTime}) {
      if (columns_.test(column)) continue;
      return absl::InvalidArgumentError(StrCat("reading ", file_.object.uri, ": no row has a ",
                                               (*file_.columns)[column].name, HowToName(column)));
    }
    return absl::OkStatus();
  }

  const TripFile file_;
  const std::shared_ptr<ObjectReader> object_;
  absl::Mutex mutex_;
  const std::unique_ptr<RowReader> rows_ ABSL_PT_GUARDED_BY(mutex_);
  const bool has_header_;
  bool at_end_ ABSL_GUARDED_BY(mutex_) = false;
  size_t open_chunks_ ABSL_GUARDED_BY(mutex_) = 0;  // being mapped
  // Of files without a header: what the rows contain.
  bool has_rows_ ABSL_GUARDED_BY(mutex_) = false;
  ColumnSet columns_ ABSL_GUARDED_BY(mutex_);
};

// Text with a header must have all columns.
absl::Status CheckHeader(const TripColumnRefs& columns, const std::vector<std::string>& header) {
  if (header.empty()) return absl::OkStatus();
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string& name = columns[i].name;
    if (std::find(header.begin(), header.end(), name) != header.end()) continue;
    return absl::InvalidArgumentError(StrCat("the file has no column ", name, "; the columns are ",
                                             absl::StrJoin(header, ", "), HowToName(i)));
  }
  return absl::OkStatus();
}

// A column of a trip must be one column of the file.
absl::Status CheckStandOnce(const TripColumnRefs& columns,
                            const std::vector<RenamedColumn>& renamed) {
  for (const RenamedColumn& other : renamed) {
    for (const ColumnRef& column : columns) {
      if (column.name == other.name) return AmbiguousColumn(other.name);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<TripReader>> OpenTextTrips(const TripFile& file,
                                                          std::shared_ptr<ObjectReader> object) {
  if (file.deleted_rows != nullptr || !file.filters.empty()) {
    return absl::UnimplementedError("deleted rows are supported in Parquet files only");
  }
  ReadOptions options{.has_entry = false};
  for (const ColumnRef& column : *file.columns) options.columns.push_back(column.name);
  ASSIGN_OR_RETURN(auto rows, OpenRows(object, options));
  RETURN_IF_ERROR(CheckStandOnce(*file.columns, rows->renamed_columns()));
  RETURN_IF_ERROR(CheckHeader(*file.columns, rows->columns()));
  return std::make_unique<TextTripReader>(file, std::move(object), std::move(rows));
}

}  // namespace millrace
