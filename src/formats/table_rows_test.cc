#include "formats/table_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "arrow/type.h"
#include "formats/testing/parquet_files.h"
#include "formats/testing/rows.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A data file of a table.
class TableObject : public MemoryObject {
 public:
  TableObject(std::string bytes, TableRows rows)
      : MemoryObject(std::move(bytes)), rows_(std::move(rows)) {}
  const TableRows* table_rows() const override { return &rows_; }

 private:
  const TableRows rows_;
};

// Rows as RowsAsText, and the numbers of those that do not count.
class Collector : public RowVisitor {
 public:
  void OnRow(const Row& row) override {
    RowsAsText text;
    text.OnRow(row);
    rows.push_back(StrCat(row.number, ": ", text.rows[0]));
    shapes.push_back(row.shape->id);
  }
  void OnBadRow(uint64_t number, const absl::Status&, std::string_view) override {
    rows.push_back(StrCat(number, "!"));
  }
  void OnFilteredRow(uint64_t number) override { filtered.push_back(number); }

  std::vector<std::string> rows;
  std::vector<uint64_t> shapes;
  std::vector<uint64_t> filtered;
};

// Drops rows whose `column` is `dropped`, or null if that is 0.
class DropEqual : public RowFilter {
 public:
  DropEqual(ColumnRef column, int64_t dropped) : columns_({std::move(column)}), dropped_(dropped) {}
  const std::vector<ColumnRef>& columns() const override { return columns_; }
  bool Drops(absl::Span<const Value> values) const override {
    return values[0].is_null() ? dropped_ == 0 : values[0].integer == dropped_;
  }

 private:
  const std::vector<ColumnRef> columns_;
  const int64_t dropped_;
};

std::string File() {
  return MakeParquet({{"a", ArrayOf(arrow::int64(), "[10, 11, 12, 13, 14, 15]")},
                      {"b", ArrayOf(arrow::utf8(), R"(["p", "q", "r", "s", "t", "u"])")},
                      {"c", ArrayOf(arrow::int64(), "[1, 2, 3, 1, 2, null]")}},
                     {.group_rows = 4});
}

// The table calls a "id" and b "name", has a column that the file lacks, and no c.
TableRows Table() {
  FieldNames names;
  names.by_name = {{"a", "id"}, {"b", "name"}};
  TableRows rows;
  rows.names = std::make_shared<const FieldNames>(std::move(names));
  rows.columns = std::make_shared<const std::vector<std::string>>(
      std::vector<std::string>{"id", "name", "later"});
  return rows;
}

absl::StatusOr<Collector> Read(const TableRows& table, const ReadOptions& options = {},
                               std::string bytes = File()) {
  ASSIGN_OR_RETURN(auto reader,
                   OpenRows(std::make_shared<TableObject>(std::move(bytes), table), options));
  EXPECT_THAT(reader->columns(), ElementsAre("id", "name", "later"));
  Collector collector;
  DecodeScratch scratch;
  for (;;) {
    ASSIGN_OR_RETURN(auto chunk, reader->Read({.rows = 2}));
    if (chunk == nullptr) return collector;
    chunk->ForEachRow(scratch, collector);
  }
}

TEST(TableRows, HaveTheNamesOfTheTable) {
  const auto read = Read(Table());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->rows.size(), 6u);
  EXPECT_EQ(read->rows[0], "0: id=10 name=\"p\"");
  const auto one = Read(Table(), {.columns = {"name", "a", "later"}});
  EXPECT_EQ(one->rows[5], "5: name=\"u\"");
}

TEST(TableRows, KeepTheirNumbersIfOthersAreDeleted) {
  TableRows table = Table();
  table.deleted_rows =
      std::make_shared<const std::vector<uint64_t>>(std::vector<uint64_t>{0, 3, 4, 5, 99});
  const auto read = Read(table);
  EXPECT_THAT(read->rows, ElementsAre("1: id=11 name=\"q\"", "2: id=12 name=\"r\""));
  EXPECT_THAT(read->filtered, ElementsAre(0u, 3u, 4u, 5u));
  ReadOptions resumed;
  resumed.from = {2, 0};
  EXPECT_THAT(Read(table, resumed)->rows, ElementsAre("2: id=12 name=\"r\""));
}

TEST(TableRows, FiltersReadColumnsThatAreNotShown) {
  TableRows table = Table();
  // One by a column that the table no longer has, one by a column that is not requested.
  table.filters = {std::make_shared<DropEqual>(ColumnRef{.name = "c"}, 2),
                   std::make_shared<DropEqual>(ColumnRef{.name = "a"}, 13)};
  for (const std::vector<std::string>& columns :
       {std::vector<std::string>{}, std::vector<std::string>{"name"}}) {
    const auto read = Read(table, {.columns = columns});
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_THAT(read->filtered, ElementsAre(1u, 3u, 4u));
    EXPECT_EQ(read->rows[0], columns.empty() ? "0: id=10 name=\"p\"" : "0: name=\"p\"");
    EXPECT_EQ(read->rows.size(), 3u);
    EXPECT_EQ(read->shapes.front(), read->shapes.back());  // one plan for all chunks
  }
  // A column that the file lacks is null.
  table.filters = {std::make_shared<DropEqual>(ColumnRef{.name = "", .field_id = 7}, 0)};
  EXPECT_EQ(Read(table)->filtered.size(), 6u);
}

TEST(TableRows, MayAllNotCount) {
  TableRows table = Table();
  table.has_no_rows = true;
  const auto read = Read(table);
  ASSERT_TRUE(read.ok());
  EXPECT_TRUE(read->rows.empty());
  EXPECT_TRUE(read->filtered.empty());
}

TEST(TableRows, NeedFieldIdsOrAMapping) {
  TableRows table = Table();
  FieldNames by_id;
  by_id.by_id = {{1'000, "id"}};
  table.names = std::make_shared<const FieldNames>(std::move(by_id));
  const auto read = Read(table);
  EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("schema.name-mapping.default"));
  EXPECT_EQ(Read(Table(), {}, "{\"a\": 1}\n").status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace millrace
