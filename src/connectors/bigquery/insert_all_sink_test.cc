// What is in requests of insertAll, and what its answers mean.
#include "connectors/bigquery/insert_all_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/strings.h"
#include "connectors/bigquery/insert_row.h"
#include "connectors/bigquery/testing/insert_all_service.h"

namespace millrace {
namespace {

using bigquery::PreparedTable;
using Service = bigquery::InsertAllService;
using Table = bigquery::InsertAllTable;
using nlohmann::json;
using testing::HasSubstr;

constexpr size_t kMaxRows = 500;

std::string Event(std::string_view user) { return bigquery::InsertAllEvent(user); }

Batch BatchOf(const std::vector<std::string>& records) {
  Batch batch;
  for (const std::string& record : records) {
    batch.bytes.Append(record);
    batch.EndRow(batch.rows());
  }
  return batch;
}

TEST(InsertAllSinkTest, RowsHaveAnIdEachAndJsonAsText) {
  Table table;
  const auto sink = table.NewSink();
  ASSERT_TRUE(sink->Write(BatchOf({Event("a"), Event("b"), Event("a")}), {}, {}).durable());
  const json& rows = table.service.requests.at(0)["rows"];
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_NE(rows[0]["insertId"], rows[2]["insertId"]);  // equal events are two rows
  EXPECT_NE(rows[0]["insertId"], rows[1]["insertId"]);
  const json& row = rows[0]["json"];
  EXPECT_EQ(row["event_time"], "2026-11-30 03:12:45.500000 UTC");
  EXPECT_EQ(row["n"], "9007199254740993");
  EXPECT_EQ(json::parse(row["properties"].get<std::string>())["list"], json({1, "\""}));
  EXPECT_EQ(table.prepared, 1);
  EXPECT_EQ(table.traffic.requests.load(), 1u);
}

TEST(InsertAllSinkTest, ABatchThatIsWrittenAgainLaterHasOtherIds) {
  Table table;
  const auto sink = table.NewSink();
  const Batch batch = BatchOf({Event("a")});
  ASSERT_TRUE(sink->Write(batch, {}, {}).durable());
  ASSERT_TRUE(sink->Write(batch, {}, {}).durable());
  const std::vector<json>& requests = table.service.requests;
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_NE(requests[0]["rows"][0]["insertId"], requests[1]["rows"][0]["insertId"]);
}

TEST(InsertAllSinkTest, RowsOfASourceRowStandOrFallTogether) {
  Table table;
  const auto sink = table.NewSink();
  Batch batch;
  for (const char* user : {"u0", "bad", "u1"}) {
    batch.bytes.Append(Event(user));
    batch.EndRow(user == std::string_view("u0") ? 0 : 1);
  }
  const LedgerKey key{.object = "o", .version = "1", .config = "c", .destination = "d"};
  const std::string writer = "w";
  const BatchSpan span{.object = &key, .writer = &writer, .rows = 3, .begin_row = 0, .end_row = 2};
  const WriteResult result = sink->Write(batch, {&span, 1}, {});
  ASSERT_TRUE(result.durable()) << result.status();
  ASSERT_EQ(result.refused().size(), 2u);
  EXPECT_EQ(result.refused()[0].row, 1u);
  EXPECT_EQ(result.refused()[1].row, 2u);
  EXPECT_EQ(table.service.ids, (std::map<std::string, int>{{"u0", 1}}));
}

TEST(InsertAllSinkTest, AnswersSayWhatToDoNext) {
  const struct {
    int status;
    const char* reason;
    bool retryable, throttled, refused_whole;
  } kCases[] = {
      {503, "backendError", true, false, false},     {500, "internalError", true, false, false},
      {403, "rateLimitExceeded", true, true, false}, {403, "quotaExceeded", true, true, false},
      {403, "accessDenied", false, false, false},    {401, "authError", false, false, false},
      {404, "notFound", false, false, false},        {400, "invalid", false, false, true},
      {413, "requestTooLarge", false, false, false},
  };
  for (const auto& one : kCases) {
    Table table;
    table.service.answers = {Service::Error(one.status, one.reason, "words")};
    const WriteResult result = table.NewSink()->Write(BatchOf({Event("a")}), {}, {});
    EXPECT_FALSE(result.durable()) << one.reason;
    EXPECT_EQ(result.retryable(), one.retryable) << one.reason << result.status();
    EXPECT_EQ(result.throttled(), one.throttled) << one.reason;
    EXPECT_EQ(result.refused_whole(), one.refused_whole) << one.reason;
    EXPECT_THAT(result.status().message(), HasSubstr("words"));
  }
}

TEST(InsertAllSinkTest, AWriteThatFailedIsResumedWhereItFailed) {
  Table table;
  const auto sink = table.NewSink();
  std::vector<std::string> records;
  for (size_t n = 0; n < 3 * kMaxRows; ++n) records.push_back(Event(StrCat("u", n)));
  const Batch batch = BatchOf(records);
  HttpResponse stored;
  stored.status = 200;
  stored.body = "{}";
  table.service.answers = {stored, Service::Error(503, "backendError", "busy")};
  EXPECT_TRUE(sink->Write(batch, {}, {}).retryable());
  // What was not answered may be there.
  table.service.answers = {Service::Error(400, "invalid", "no")};
  const WriteResult stopped = sink->Write(batch, {}, {});
  EXPECT_FALSE(stopped.retryable() || stopped.refused_whole()) << stopped.status();
  EXPECT_EQ(table.service.requests.size(), 3u);
  EXPECT_EQ(table.service.requests[1], table.service.requests[2]);
  EXPECT_TRUE(sink->Write(batch, {}, {}).durable());
  EXPECT_EQ(table.service.requests.size(), 6u);
  EXPECT_EQ(table.service.ids.size(), 3 * kMaxRows);
}

TEST(InsertAllSinkTest, ATableThatWasJustMadeMayBeUnknownForAWhile) {
  Table table;
  table.is_changed = true;
  const auto sink = table.NewSink();
  const Batch batch = BatchOf({Event("a")});
  HttpResponse unknown_column;
  unknown_column.status = 200;
  unknown_column.body = R"({"insertErrors":[{"index":0,"errors":[
      {"reason":"invalid","location":"n","message":"no such field: n."}]}]})";
  for (const HttpResponse& answer : {Service::Error(404, "notFound", "x"), unknown_column}) {
    table.service.answers = {answer};
    EXPECT_TRUE(sink->Write(batch, {}, {}).retryable());
  }
  table.clock.Advance(PreparedTable::kSettleTime);
  table.service.answers = {unknown_column};
  const WriteResult refused = sink->Write(batch, {}, {});
  ASSERT_TRUE(refused.durable());
  ASSERT_EQ(refused.refused().size(), 1u);
  EXPECT_EQ(refused.refused()[0].field, "n");
  EXPECT_EQ(table.prepared, 1);
  // Somebody has dropped it; the next run makes it.
  table.service.answers = {Service::Error(404, "notFound", "x")};
  EXPECT_FALSE(sink->Write(batch, {}, {}).retryable());
  EXPECT_TRUE(sink->Write(batch, {}, {}).durable());
  EXPECT_EQ(table.prepared, 2);
}

TEST(InsertAllSinkTest, ResponsesThatAreNoneAreUnknownOutcomes) {
  for (const char* body :
       {"[]", "1", R"({"insertErrors":1})", R"({"insertErrors":[1]})",
        R"({"insertErrors":[{"index":7,"errors":[]}]})",
        R"({"insertErrors":[{"index":-1,"errors":[]}]})", R"({"insertErrors":[{"index":0}]})",
        R"({"insertErrors":[{"index":0,"errors":[{"reason":"stopped"}]}]})",
        R"({"insertErrors":[{"index":0,"errors":[{"reason":"timeout"}]}]})"}) {
    Table table;
    HttpResponse response;
    response.status = 200;
    response.body = body;
    table.service.answers = {response};
    const WriteResult result = table.NewSink()->Write(BatchOf({Event("a")}), {}, {});
    EXPECT_FALSE(result.durable()) << body;
    EXPECT_TRUE(result.retryable()) << body;
  }
}

}  // namespace
}  // namespace millrace
