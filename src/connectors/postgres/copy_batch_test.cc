#include "connectors/postgres/copy_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"

namespace millrace::postgres {
namespace {

using testing::HasSubstr;

const absl::Time kInsertTime = absl::FromUnixMicros(1'796'008'365'120'000);

class CopyBatchTest : public testing::Test {
 protected:
  void Open(std::string_view query, RecordType type = RecordType::kEvent) {
    const absl::StatusOr<TableSpec> spec = TableSpec::Parse(StrCat("postgres://h/d?", query));
    ASSERT_TRUE(spec.ok()) << spec.status();
    table_ = std::make_unique<TargetTable>(*spec, *TableForm::Make(type, spec->extra_columns));
    encoded_ = std::make_unique<CopyBatch>(*table_);
  }
  // Each record is a source row of its own.
  std::string Encode(const std::vector<std::string>& records) {
    Batch batch;
    for (const std::string& record : records) {
      batch.bytes.Append(record);
      batch.EndRow(batch.rows());
    }
    encoded_->Encode(batch, {}, kInsertTime);
    return std::string(encoded_->bytes({0, batch.rows()}));
  }

  std::unique_ptr<TargetTable> table_;
  std::unique_ptr<CopyBatch> encoded_;
};

TEST_F(CopyBatchTest, EventsAreRowsOfColumns) {
  Open("table=events&columns=plan,n:bigint,ok:boolean,x:double");
  EXPECT_EQ(
      Encode({R"({"event":"a\tb","properties":{"time":1796008365120,"distinct_id":"u\\1",)"
              R"("$insert_id":"i","plan":"pro","n":7,"ok":true,"x":0.1,"z":"\n"}})"}),
      "a\\tb\t2026-11-30 03:12:45.12+00\t2026-11-30 03:12:45.12+00\t\\N\t\\N\ti\t\\N\tu\\\\1\t"
      "{\"z\":\"\\\\n\"}\tpro\t7\tt\t0.1\n");
  EXPECT_EQ(table_->copy_sql(),
            "COPY \"public\".\"events\" (\"event\", \"event_time\", \"insert_time\", \"token\", "
            "\"device_id\", \"insert_id\", \"user_id\", \"distinct_id\", \"properties\", \"plan\", "
            "\"n\", \"ok\", \"x\") FROM STDIN");
}

TEST_F(CopyBatchTest, RawAndFlatRecordsAreOneColumn) {
  Open("form=raw&table=events");
  EXPECT_EQ(Encode({R"({"event":"e","properties":{"a":"\""}})"}),
            "{\"event\":\"e\",\"properties\":{\"a\":\"\\\\\"\"}}\t2026-11-30 03:12:45.12+00\n");
  Open("form=flat&table=events");
  EXPECT_THAT(Encode({R"({"event":"e","properties":{"$a":1}})"}), HasSubstr("\"a\":1"));
}

TEST_F(CopyBatchTest, AnUpdateMayHaveSeveralLinesAndOneRow) {
  Open("users=users", RecordType::kUser);
  Encode({R"({"$distinct_id":"u","$set":{"a":1}})",
          R"({"$distinct_id":"u","$set":{"a":1},"$unset":["b"]})",
          R"({"$distinct_id":"v","$set":{"a":1}})"});
  EXPECT_EQ(encoded_->RowOfLine({0, 3}, 0), 0u);
  EXPECT_EQ(encoded_->RowOfLine({0, 3}, 1), 1u);
  EXPECT_EQ(encoded_->RowOfLine({0, 3}, 2), 1u);
  EXPECT_EQ(encoded_->RowOfLine({0, 3}, 3), 2u);
  EXPECT_EQ(encoded_->RowOfLine({1, 3}, 1), 1u);
  EXPECT_EQ(encoded_->RowOfLine({1, 3}, 99), 2u) << "a server that names no line of ours";
}

TEST_F(CopyBatchTest, WhatPostgresCannotHoldIsRefusedBeforeItIsSent) {
  Open("table=events");
  const std::string good = R"({"event":"e","properties":{"distinct_id":"u"}})";
  const std::string sent =
      Encode({good, R"({"event":"e","properties":{"distinct_id":"\u0000"}})",
              R"({"event":"e","properties":{"deep":{"a":["\u0000"]}}})", "not JSON", good});
  EXPECT_EQ(std::count(sent.begin(), sent.end(), '\n'), 2);
  ASSERT_EQ(encoded_->refused().size(), 3u);
  EXPECT_EQ(encoded_->refused()[0].row, 1u);
  EXPECT_EQ(encoded_->refused()[0].code, "nul_in_text");
  EXPECT_EQ(encoded_->refused()[0].field, "distinct_id");
  EXPECT_EQ(encoded_->refused()[1].field, "properties");
  EXPECT_EQ(encoded_->refused()[2].code, "invalid_record");
}

TEST_F(CopyBatchTest, OneBadEventTakesThoseOfItsSourceRowWithIt) {
  Open("form=raw&table=events");
  Batch batch;
  for (const auto& [source_row, record] : std::initializer_list<std::pair<uint64_t, const char*>>{
           {0, "{}"}, {1, "{}"}, {1, R"({"a":"\u0000"})"}, {1, "{}"}, {2, "{}"}}) {
    batch.bytes.Append(record);
    batch.EndRow(source_row);
  }
  const LedgerKey key{"o", "v", "c", "d"};
  // Source row 1 of two objects: each is its own.
  const BatchSpan spans[] = {
      {.object = &key, .writer = &key.object, .first = 0, .rows = 3, .end_row = 2},
      {.object = &key, .writer = &key.object, .first = 3, .rows = 2, .begin_row = 1, .end_row = 3}};
  encoded_->Encode(batch, spans, kInsertTime);
  ASSERT_EQ(encoded_->refused().size(), 2u);
  EXPECT_EQ(encoded_->refused()[0].row, 1u);
  EXPECT_EQ(encoded_->refused()[0].code, "sibling_rejected");
  EXPECT_EQ(encoded_->refused()[1].row, 2u);
  EXPECT_EQ(encoded_->refused()[1].code, "nul_in_text");
  EXPECT_FALSE(encoded_->has_lines({1, 3}));
  EXPECT_TRUE(encoded_->has_lines({3, 4}));
  EXPECT_EQ(encoded_->GroupOf(2), (RowRange{1, 3}));

  encoded_->Encode(batch, {}, kInsertTime);
  EXPECT_EQ(encoded_->refused().size(), 1u) << "without spans each row stands alone";
}

TEST_F(CopyBatchTest, DaysOfAPartitionedTable) {
  Open("table=events&partition=day");
  Encode({R"({"event":"e","properties":{"time":86400}})",
          R"({"event":"e","properties":{"time":172800}})", R"({"event":"e","properties":{}})",
          R"({"event":"e","properties":{"time":86500}})"});
  EXPECT_EQ(encoded_->days(), (std::vector<int32_t>{1, 2}));
}

}  // namespace
}  // namespace millrace::postgres
