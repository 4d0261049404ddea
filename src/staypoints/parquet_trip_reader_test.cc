#include "staypoints/parquet_trip_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arrow/api.h"
#include "base/strings.h"
#include "formats/testing/parquet_files.h"
#include "formats/testing/rows.h"
#include "staypoints/staypoint_block.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Collector : public TripVisitor {
 public:
  absl::Status OnTrip(const Trip& trip) override {
    trips.push_back(StrCat(trip.user_id, " ",
                           trip.start == kNullTime ? std::string("null") : StrCat(trip.start)));
    return absl::OkStatus();
  }
  absl::Status OnRejected(Rejection rejection) override {
    rejected.push_back(StrCat(rejection.source_row, " ", rejection.code, " ", rejection.field));
    return absl::OkStatus();
  }
  void OnRows(uint64_t rows, uint64_t deleted) override {
    this->rows += rows;
    this->deleted += deleted;
  }
  void OnColumnsByRow(const ColumnSet&) override {}

  std::vector<std::string> trips;
  std::vector<std::string> rejected;
  uint64_t rows = 0;
  uint64_t deleted = 0;
};

// Drops rows whose `column` has the value `dropped`.
class DropEqual : public RowFilter {
 public:
  DropEqual(std::string column, int64_t dropped) : dropped_(dropped) {
    columns_.push_back({.name = std::move(column)});
  }
  const std::vector<ColumnRef>& columns() const override { return columns_; }
  bool Drops(absl::Span<const Value> values) const override {
    return !values[0].is_null() && values[0].integer == dropped_;
  }

 private:
  std::vector<ColumnRef> columns_;
  const int64_t dropped_;
};

// Six rows in two row groups.
std::vector<NamedArray> Columns() {
  const auto numbers = [] { return ArrayOf(arrow::float64(), "[1, 2, 3, 4, 5, 6]"); };
  const auto times = arrow::timestamp(arrow::TimeUnit::MILLI);
  return {{"user_id", ArrayOf(arrow::utf8(), R"(["a", "b", null, "d", "e", "f"])")},
          {"trip_start_time", ArrayOf(times, "[1, 2, 3, null, -5, 6]")},
          {"trip_end_time", ArrayOf(times, "[1, 2, 3, 4, 5, 6]")},
          {"start_lat", ArrayOf(arrow::float64(), "[1, 91, 3, 4, 5, 6]")},
          {"start_lng", numbers()},
          {"end_lat", numbers()},
          {"end_lng", numbers()},
          {"trip_id", ArrayOf(arrow::int32(), "[10, 20, 30, 40, 50, null]")}};
}

TripFile File() {
  TripFile file;
  file.object.uri = "memory";
  file.columns = std::make_shared<const TripColumnRefs>(DefaultTripColumns());
  return file;
}

absl::StatusOr<std::unique_ptr<TripReader>> OpenFile(const TripFile& file,
                                                     const std::vector<NamedArray>& columns) {
  return OpenParquetTrips(file,
                          std::make_shared<MemoryObject>(MakeParquet(columns, {.group_rows = 3})));
}

Collector ReadAll(const TripFile& file, const std::vector<NamedArray>& columns = Columns()) {
  Collector collector;
  auto reader = OpenFile(file, columns);
  EXPECT_TRUE(reader.ok()) << reader.status();
  for (;;) {
    const absl::StatusOr<bool> more = (*reader)->ReadPart(collector, {});
    EXPECT_TRUE(more.ok()) << more.status();
    if (!more.ok() || !*more) return collector;
  }
}

TEST(ParquetTripReaderTest, GivesTripsAndRejections) {
  const Collector read = ReadAll(File());
  EXPECT_THAT(read.trips, ElementsAre("a 1000", "d null", "e -5000", "f 6000"));
  EXPECT_THAT(read.rejected,
              ElementsAre("1 invalid_value start_lat", "2 missing_required_field user_id"));
  EXPECT_EQ(read.rows, 6u);
  EXPECT_EQ(read.deleted, 0u);
}

TEST(ParquetTripReaderTest, DeletedRowsAndFiltersLeaveRowsOut) {
  TripFile file = File();
  file.deleted_rows = std::make_shared<const std::vector<uint64_t>>(std::vector<uint64_t>{1, 5});
  file.filters.push_back(std::make_shared<DropEqual>("trip_id", 30));
  file.filters.push_back(std::make_shared<DropEqual>("trip_id", 50));
  const Collector read = ReadAll(file);
  EXPECT_THAT(read.trips, ElementsAre("a 1000", "d null"));
  EXPECT_TRUE(read.rejected.empty());
  EXPECT_EQ(read.rows, 6u);
  EXPECT_EQ(read.deleted, 4u);
}

TEST(ParquetTripReaderTest, ColumnsThatMayBeMissingAreNull) {
  TripColumnRefs refs = DefaultTripColumns();
  refs[kStartTime] = {.name = "began", .may_be_missing = true};
  TripFile file = File();
  file.columns = std::make_shared<const TripColumnRefs>(refs);
  EXPECT_THAT(ReadAll(file).trips, ElementsAre("a null", "d null", "e null", "f null"));
}

TEST(ParquetTripReaderTest, AMissingColumnIsReportedWithTheExistingOnes) {
  std::vector<NamedArray> columns = Columns();
  columns.erase(columns.begin() + kEndLng);
  const auto reader = OpenFile(File(), columns);
  EXPECT_TRUE(absl::IsInvalidArgument(reader.status())) << reader.status();
  EXPECT_THAT(
      std::string(reader.status().message()),
      HasSubstr("the file has no column end_lng; the columns are user_id, trip_start_time"));
}

TEST(ParquetTripReaderTest, NumbersAreIdsByTheirDigitsAndBlanksAreNone) {
  std::vector<NamedArray> columns = Columns();
  columns[kStartLat].second = ArrayOf(arrow::float64(), "[1, 2, 3, 4, 5, 6]");
  columns[kUserId].second = ArrayOf(arrow::float64(), "[7, 8.5, null, NaN, 1e15, -2]");
  const Collector doubles = ReadAll(File(), columns);
  EXPECT_THAT(doubles.trips,
              ElementsAre("7 1000", "8.5 2000", "1000000000000000 -5000", "-2 6000"));
  EXPECT_THAT(doubles.rejected,
              ElementsAre("2 missing_required_field user_id", "3 missing_required_field user_id"));
  columns[kUserId].second =
      ArrayOf(arrow::decimal128(9, 2), R"(["7.00", "8.50", null, "100.00", "0.00", "1.01"])");
  EXPECT_THAT(ReadAll(File(), columns).trips,
              ElementsAre("7 1000", "8.5 2000", "100 null", "0 -5000", "1.01 6000"));
  columns[kUserId].second = ArrayOf(arrow::utf8(), R"(["7.0", " ", "", "\t", " x", "y"])");
  EXPECT_THAT(ReadAll(File(), columns).trips, ElementsAre("7.0 1000", " x -5000", "y 6000"));
}

TEST(ParquetTripReaderTest, ADuplicateColumnIsAmbiguous) {
  std::vector<NamedArray> columns = Columns();
  columns.push_back({"user_id", ArrayOf(arrow::utf8(), R"(["a", "b", "c", "d", "e", "f"])")});
  const auto reader = OpenFile(File(), columns);
  EXPECT_TRUE(absl::IsInvalidArgument(reader.status())) << reader.status();
  EXPECT_THAT(std::string(reader.status().message()),
              HasSubstr("column \"user_id\" is ambiguous: the file has more than one"));
  columns.back().first = "trip_id";  // nobody asks for it
  EXPECT_TRUE(OpenFile(File(), columns).ok());
}

TEST(ParquetTripReaderTest, AWrongTypeIsNamed) {
  std::vector<NamedArray> columns = Columns();
  columns[kStartTime].second = ArrayOf(arrow::int64(), "[1, 2, 3, 4, 5, 6]");
  const auto reader = OpenFile(File(), columns);
  EXPECT_TRUE(absl::IsInvalidArgument(reader.status())) << reader.status();
  EXPECT_THAT(std::string(reader.status().message()),
              HasSubstr("column trip_start_time holds whole numbers; it must hold timestamps"));
}

TEST(ParquetTripReaderTest, SamplesIdsOfAllRowGroups) {
  auto reader = OpenFile(File(), Columns());
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto ids = (*reader)->SampleIds(1000);
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_THAT(*ids, ElementsAre("a", "b", "d", "e", "f"));
  EXPECT_EQ((*reader)->estimated_rows(), 6u);
}

}  // namespace
}  // namespace millrace
