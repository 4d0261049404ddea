// The REST API, over a real socket, by scripted answers.
#include "connectors/bigquery/target_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/strings.h"
#include "connectors/bigquery/table_schema.h"
#include "net/testing/scripted_server.h"

namespace millrace::bigquery {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

std::string ErrorBody(std::string_view reason) {
  return json{{"error", {{"message", "as scripted"}, {"errors", {{{"reason", reason}}}}}}}.dump();
}

class TargetTableTest : public testing::Test {
 protected:
  void Answer(int status, std::string body) { answers_.emplace_back(status, std::move(body)); }
  std::string TableBody(size_t columns) const {
    json table = NewTable(spec_, "events", form_);
    json& fields = table["schema"]["fields"];
    while (fields.size() > columns) fields.erase(fields.size() - 1);
    table["etag"] = "\"v1\"";
    table["type"] = "TABLE";
    return table.dump();
  }
  std::string Line(size_t request) const { return server_.requests().at(request).line(); }

  const TableSpec spec_ = *TableSpec::Parse("bigquery://p/d?location=EU");
  const TableForm form_ = *TableForm::Make(RecordType::kEvent, {});
  std::deque<std::pair<int, std::string>> answers_;
  ScriptedServer server_{[this](const ScriptedRequest&) {
    if (answers_.empty()) return ScriptedResponse::Answer(500, "nothing is scripted");
    const auto [status, body] = answers_.front();
    answers_.pop_front();
    return ScriptedResponse::Answer(status, body);
  }};
  RestClient rest_{server_.url(), NoGoogleCredentials("token"), NewCurlHttpClient()};
  TargetTable table_{rest_, spec_, "events", form_};
};

TEST_F(TargetTableTest, ATableThatFitsCostsOneRequest) {
  Answer(200, TableBody(9));
  const auto changed = table_.Prepare({});
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_FALSE(*changed);
  ASSERT_EQ(server_.requests().size(), 1u);
  EXPECT_THAT(Line(0), StartsWith("GET /bigquery/v2/projects/p/datasets/d/tables/events "));
  EXPECT_EQ(server_.requests()[0].header("Authorization"), "Bearer token");
}

TEST_F(TargetTableTest, DatasetAndTableAreCreated) {
  Answer(404, ErrorBody("notFound"));
  Answer(404, ErrorBody("notFound"));
  Answer(200, "{}");
  Answer(200, "{}");
  const auto changed = table_.Prepare({});
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_TRUE(*changed);
  ASSERT_EQ(server_.requests().size(), 4u);
  EXPECT_THAT(Line(1), StartsWith("POST /bigquery/v2/projects/p/datasets/d/tables "));
  EXPECT_THAT(Line(2), StartsWith("POST /bigquery/v2/projects/p/datasets "));
  EXPECT_EQ(json::parse(server_.requests()[2].body)["location"], "EU");
  EXPECT_EQ(json::parse(server_.requests()[3].body), NewTable(spec_, "events", form_));
}

TEST_F(TargetTableTest, WhoeverCreatesItSecondTakesWhatIsThere) {
  Answer(404, ErrorBody("notFound"));
  Answer(409, ErrorBody("duplicate"));
  Answer(200, TableBody(9));
  const auto changed = table_.Prepare({});
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_FALSE(*changed);
}

TEST_F(TargetTableTest, ColumnsAreAddedToTheVersionThatWasRead) {
  Answer(200, TableBody(7));
  Answer(412, ErrorBody("conditionNotMet"));  // somebody else was first
  Answer(200, TableBody(8));
  Answer(200, "{}");
  Answer(200, TableBody(9));
  const auto changed = table_.Prepare({});
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_TRUE(*changed);
  const ScriptedRequest patch = server_.requests().at(3);
  EXPECT_THAT(patch.line(), StartsWith("PATCH /bigquery/v2/projects/p/datasets/d/tables/events "));
  EXPECT_EQ(patch.header("If-Match"), "\"v1\"");
  EXPECT_EQ(json::parse(patch.body)["schema"]["fields"].size(), 9u);
}

TEST_F(TargetTableTest, LookingChangesNothing) {
  Answer(200, TableBody(7));
  EXPECT_TRUE(table_.Look({}).ok());
  Answer(404, ErrorBody("notFound"));
  EXPECT_TRUE(absl::IsNotFound(table_.Look({})));
  for (const ScriptedRequest& request : server_.requests()) {
    EXPECT_THAT(request.line(), StartsWith("GET "));
  }
}

TEST_F(TargetTableTest, Permissions) {
  Answer(200, R"({"permissions":["bigquery.tables.updateData"]})");
  EXPECT_TRUE(table_.CheckMayWrite({}).ok());
  Answer(200, "{}");
  EXPECT_TRUE(absl::IsPermissionDenied(table_.CheckMayWrite({})));
  Answer(404, "no such page");
  EXPECT_TRUE(absl::IsUnimplemented(table_.CheckMayWrite({})));
}

TEST_F(TargetTableTest, ErrorsSayWhatToDo) {
  const auto prepare = [&](int status, const std::string& body) {
    Answer(status, body);
    return table_.Prepare({}).status();
  };
  const absl::Status denied = prepare(403, ErrorBody("accessDenied"));
  EXPECT_TRUE(absl::IsPermissionDenied(denied));
  EXPECT_THAT(std::string(denied.message()),
              HasSubstr("p.d.events: HTTP 403, accessDenied: as scripted; grant the role "
                        "roles/bigquery.dataEditor"));
  EXPECT_TRUE(absl::IsUnauthenticated(prepare(401, ErrorBody("authError"))));
  EXPECT_TRUE(absl::IsUnavailable(prepare(403, ErrorBody("rateLimitExceeded"))));
  EXPECT_TRUE(absl::IsUnavailable(prepare(403, ErrorBody("quotaExceeded"))));
  EXPECT_TRUE(absl::IsUnavailable(prepare(503, "")));
  EXPECT_TRUE(absl::IsUnavailable(prepare(404, "a proxy")));
  EXPECT_TRUE(absl::IsUnavailable(prepare(200, "no JSON")));
  EXPECT_TRUE(absl::IsInvalidArgument(prepare(400, ErrorBody("invalid"))));
  EXPECT_TRUE(absl::IsFailedPrecondition(prepare(410, R"({"error":{"errors":[1]}})")));
}

TEST_F(TargetTableTest, DroppingWhatIsNotThereIsNoError) {
  // Of each, what is asked first is the view.
  Answer(404, ErrorBody("notFound"));
  Answer(204, "");
  EXPECT_TRUE(table_.Drop({}).ok());
  Answer(404, ErrorBody("notFound"));
  Answer(404, ErrorBody("notFound"));
  EXPECT_TRUE(table_.Drop({}).ok());
  Answer(200, R"({"labels":{"millrace":"view"}})");
  Answer(204, "");
  Answer(403, ErrorBody("accessDenied"));
  EXPECT_TRUE(absl::IsPermissionDenied(table_.Drop({})));
  const std::string path = "/bigquery/v2/projects/p/datasets/d/tables/";
  EXPECT_THAT(Line(0), StartsWith(StrCat("GET ", path, "events_deduped ")));
  EXPECT_THAT(Line(1), StartsWith(StrCat("DELETE ", path, "events ")));
  EXPECT_THAT(Line(5), StartsWith(StrCat("DELETE ", path, "events_deduped ")));
}

}  // namespace
}  // namespace millrace::bigquery
