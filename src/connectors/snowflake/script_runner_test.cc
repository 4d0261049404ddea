// What is done before a table is created, in which order.
#include "connectors/snowflake/script_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "auth/token_source.h"
#include "base/strings.h"
#include "connectors/snowflake/sql_rows.h"
#include "net/testing/fake_http_client.h"

namespace millrace::snowflake {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Json = nlohmann::json;

class ScriptRunnerTest : public testing::Test {
 protected:
  // Like an account in which the schema is, and the table is once it was created.
  absl::StatusOr<HttpResponse> Respond(const HttpRequest& request) {
    const Json body = Json::parse(request.body);
    const std::string sql = body["statement"];
    const int count = std::stoi(body["parameters"]["MULTI_STATEMENT_COUNT"].get<std::string>());
    sent_.push_back(sql);
    if (!fails_at_.empty() && sql.find(fails_at_) != std::string::npos) {
      return HttpResponse{.status = 422,
                          .body = R"({"code":"000001","sqlState":"42000","message":"no"})"};
    }
    Json data = Json::array();
    if (sql.find("INFORMATION_SCHEMA.COLUMNS") != std::string::npos && has_table_) {
      for (const TableColumn& column : table_.columns()) {
        const char* type = column.type == ColumnType::kTime   ? "TIMESTAMP_NTZ"
                           : column.type == ColumnType::kJson ? "VARIANT"
                                                              : "TEXT";
        data.push_back(Json::array({column.name, type, "YES", nullptr, nullptr, "9"}));
      }
    }
    if (sql.find("TABLE_NAME = 'MILLRACE_WRITERS'") != std::string::npos && has_cursor_) {
      data.push_back(Json::array({"MILLRACE_WRITERS"}));
    }
    if (sql.find("SCHEMATA") != std::string::npos) data.push_back(Json::array({"S"}));
    if (sql.find(StrCat("CREATE TABLE IF NOT EXISTS ", table_.quoted())) == 0) has_table_ = true;
    Json answer = {{"statementHandle", "h"}, {"data", data}};
    if (count > 1) answer["statementHandles"] = std::vector<std::string>(count, "h");
    return HttpResponse{.status = 200, .body = answer.dump()};
  }
  std::unique_ptr<sql_delivery::ScriptRunner> NewRunner() {
    return NewScriptRunner(spec_, table_, dialect_,
                           std::make_unique<AccountClient>(
                               "https://h", sign_in_,
                               std::make_unique<FakeHttpClient>(
                                   [this](const HttpRequest& request) { return Respond(request); }),
                               clock_));
  }
  // The place of the first statement with `text`; -1: it was not sent.
  int PlaceOf(std::string_view text) const {
    for (size_t i = 0; i < sent_.size(); ++i) {
      if (sent_[i].find(text) != std::string::npos) return static_cast<int>(i);
    }
    return -1;
  }

  FakeClock clock_;
  const SnowflakeSpec spec_ =
      *SnowflakeSpec::Parse("snowflake://a/d/s", [](std::string_view) { return std::nullopt; });
  TargetTable table_{spec_, *TableForm::Make(RecordType::kEvent, {})};
  const SnowflakeDialect dialect_{spec_, table_};
  SignIn sign_in_{.tokens = NewFixedTokenSource("token"), .origin = "test"};
  bool has_table_ = false;
  bool has_cursor_ = true;
  std::string fails_at_;
  std::vector<std::string> sent_;
};

TEST_F(ScriptRunnerTest, WhatIsKnownOfADroppedTableIsForgottenBeforeItIsCreated) {
  ASSERT_TRUE(NewRunner()->Prepare({}).ok());
  const int forget = PlaceOf("DELETE FROM");
  ASSERT_GE(forget, 0);
  EXPECT_LT(forget, PlaceOf(StrCat("CREATE TABLE IF NOT EXISTS ", table_.quoted())));
  // In one transaction, under the lock, which asks once whether there is a table.
  const std::string& script = sent_[static_cast<size_t>(forget)];
  EXPECT_THAT(script, StartsWith("BEGIN TRANSACTION;\nUPDATE \"D\".\"S\".\"MILLRACE_LOCK\""));
  EXPECT_THAT(script, HasSubstr("\"MILLRACE_WRITERS\" SET writer = '-' WHERE destination = "));
  EXPECT_THAT(script,
              HasSubstr("AND NOT EXISTS (SELECT TABLE_NAME FROM \"D\".INFORMATION_SCHEMA.TABLES "
                        "WHERE TABLE_SCHEMA = 'S' AND TABLE_NAME = 'EVENTS')"));
  EXPECT_EQ(script.find("INFORMATION_SCHEMA"), script.rfind("INFORMATION_SCHEMA"));
  const size_t mark = script.find("SET writer"),
               ranges = script.find("DELETE FROM \"D\".\"S\".\"MILLRACE_DELIVERED\""),
               writers = script.find("DELETE FROM \"D\".\"S\".\"MILLRACE_WRITERS\"");
  EXPECT_LT(mark, ranges);
  EXPECT_LT(ranges, writers);
  EXPECT_THAT(script.substr(ranges, writers - ranges), HasSubstr("AND writer = '-'"));
  EXPECT_THAT(script.substr(writers), HasSubstr("AND writer = '-'"));
}

TEST_F(ScriptRunnerTest, ATableIsNotCreatedWhoseRangesAreNotForgotten) {
  fails_at_ = "DELETE FROM";
  EXPECT_FALSE(NewRunner()->Prepare({}).ok());
  EXPECT_FALSE(has_table_);
}

TEST_F(ScriptRunnerTest, WithoutACursorNothingIsForgotten) {
  has_cursor_ = false;
  ASSERT_TRUE(NewRunner()->Prepare({}).ok());
  EXPECT_EQ(PlaceOf("DELETE FROM"), -1);
  EXPECT_TRUE(has_table_);
}

TEST_F(ScriptRunnerTest, ATableThatExistsKeepsItsRanges) {
  has_table_ = true;
  ASSERT_TRUE(NewRunner()->Prepare({}).ok());
  EXPECT_EQ(PlaceOf("DELETE FROM"), -1);
}

}  // namespace
}  // namespace millrace::snowflake
