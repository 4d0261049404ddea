#include "connectors/bigquery/append_batch.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"
#include "connectors/bigquery/row_encoder.h"

namespace millrace::bigquery {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class AppendBatchTest : public testing::Test {
 protected:
  void Add(std::string_view record, uint64_t source_row) {
    batch_.bytes.Append(record);
    batch_.EndRow(source_row);
  }
  void AddEvent(std::string_view name, uint64_t source_row) {
    Add(StrCat("{\"event\":\"", name, "\",\"properties\":{}}"), source_row);
  }
  // As Run() says that the rows come from one object.
  void Encode(AppendBatch& to) {
    const BatchSpan span{.rows = batch_.rows(), .end_row = batch_.source_rows.back() + 1};
    to.Encode(batch_, {&span, 1}, absl::UnixEpoch());
  }
  static std::vector<size_t> RowsOf(const std::vector<RefusedRow>& refused) {
    std::vector<size_t> rows;
    for (const RefusedRow& row : refused) rows.push_back(row.row);
    return rows;
  }

  const TableForm form_ = *TableForm::Make(RecordType::kEvent, {});
  Batch batch_;
};

TEST(RowEncoder, ACellThatIsNotNullIsWrittenAlsoIfItIsZero) {
  const TableForm form =
      *TableForm::Make(RecordType::kEvent, {"n:integer", "x:number", "b:boolean"});
  TableReader reader(form);
  std::vector<TableRow> rows;
  ASSERT_TRUE(reader
                  .Read(R"({"event":"","properties":{"n":-1,"x":0.5,"b":false}})",
                        absl::UnixEpoch() + absl::Microseconds(300), rows)
                  .ok());
  ByteBuffer out;
  AppendRow(form, rows[0], out);
  // event (1) "", insert_time (3) 300, n (10) -1, x (11) 0.5, b (12) false.
  EXPECT_EQ(out.view(), std::string_view("\x0a\x00"
                                         "\x18\xac\x02"
                                         "\x50\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                         "\x59\x00\x00\x00\x00\x00\x00\xe0\x3f"
                                         "\x60\x00",
                                         27));
}

TEST(RowEncoder, TheSchemaNamesEveryColumnAndNothingElse) {
  google::protobuf::DescriptorProto message;
  ASSERT_TRUE(
      message.ParseFromString(RowDescriptor(*TableForm::Make(RecordType::kGroup, {"at:time"}))));
  ASSERT_EQ(message.field_size(), 7);
  EXPECT_EQ(message.field(1).name(), "group_key");
  EXPECT_EQ(message.field(1).number(), 2);
  EXPECT_EQ(message.field(5).type(), google::protobuf::FieldDescriptorProto::TYPE_STRING);
  EXPECT_EQ(message.field(6).type(), google::protobuf::FieldDescriptorProto::TYPE_INT64);
  EXPECT_EQ(message.nested_type_size() + message.enum_type_size(), 0);
}

TEST_F(AppendBatchTest, RowsFillRequestsUpToTheirSize) {
  for (int i = 0; i < 5; ++i) AddEvent(std::string(30, 'a'), static_cast<uint64_t>(i));
  AppendBatch batch(form_, 90);
  Encode(batch);
  std::vector<size_t> sizes;
  for (; batch.request_rows() > 0; batch.Appended()) sizes.push_back(batch.request_rows());
  EXPECT_THAT(sizes, ElementsAre(2, 2, 1));
  EXPECT_TRUE(batch.TakeRefused().empty());
}

TEST_F(AppendBatchTest, RowsOfOneSourceRowAreInOneRequestAndRefusedTogether) {
  AddEvent("a", 0);
  AddEvent("b", 1);
  AddEvent("c", 1);
  AddEvent("d", 2);
  AppendBatch batch(form_);
  Encode(batch);
  ASSERT_EQ(batch.request_rows(), 4u);
  batch.Refuse(2, "no");
  batch.Refuse(1, "neither");
  batch.Retried();
  ASSERT_EQ(batch.request_rows(), 2u);
  EXPECT_THAT(std::string(batch.request_row(1)), HasSubstr("d"));
  batch.Appended();
  EXPECT_EQ(batch.request_rows(), 0u);
  const auto refused = batch.TakeRefused();
  EXPECT_THAT(RowsOf(refused), ElementsAre(1, 2));
  EXPECT_EQ(refused[0].message, "no");
}

TEST_F(AppendBatchTest, WhatBigqueryCannotHoldIsRefused) {
  AddEvent("a", 0);
  Add("[1]", 1);
  Add(R"({"event":"E","properties":{"time":"0000-12-31"}})", 2);
  Add(R"({"event":"E","properties":{"n":123456789012345678901234567890}})", 3);
  AddEvent(std::string(200, 'x'), 4);
  AppendBatch batch(form_, 150);
  Encode(batch);
  EXPECT_EQ(batch.request_rows(), 1u);
  const auto refused = batch.TakeRefused();
  ASSERT_EQ(refused.size(), 4u);
  EXPECT_EQ(refused[0].code, "invalid_record");
  EXPECT_EQ(refused[1].code, "time_out_of_range");
  EXPECT_EQ(refused[2].code, "number_not_exact");
  EXPECT_EQ(refused[3].code, "value_too_large");
  EXPECT_THAT(refused[3].message, HasSubstr("at most 150 in a request"));
}

TEST_F(AppendBatchTest, AnUpdateHasARowForEachOperation) {
  const TableForm users = *TableForm::Make(RecordType::kUser, {});
  Add(R"({"$distinct_id":"u","$set":{"a":1},"$add":{"b":2}})", 0);
  AppendBatch batch(users);
  Encode(batch);
  EXPECT_EQ(batch.request_rows(), 2u);
}

}  // namespace
}  // namespace millrace::bigquery
