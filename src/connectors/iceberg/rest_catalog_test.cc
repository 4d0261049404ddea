// What the catalog is asked, and what its answers mean. A whole catalog is behind the tests in
// tests/integration.
#include "connectors/iceberg/rest_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/strings.h"
#include "net/testing/scripted_server.h"

namespace millrace::iceberg {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char kMetadata[] =
    R"({"format-version":2,"table-uuid":"u-1","location":"s3://b/t","last-updated-ms":1,
        "last-column-id":1,"last-sequence-number":4,"current-schema-id":0,"default-spec-id":0,
        "schemas":[{"type":"struct","schema-id":0,"fields":[
          {"id":1,"name":"a","required":false,"type":"string"}]}],
        "partition-specs":[{"spec-id":0,"fields":[]}],"current-snapshot-id":null,"snapshots":[]})";

std::string Loaded() {
  return StrCat(R"({"metadata-location":"s3://b/t/metadata/1.json","metadata":)", kMetadata, "}");
}

class RestCatalogTest : public testing::Test {
 protected:
  // Answers of the tables' path, in their order; the configuration is answered always.
  void Serve(std::vector<ScriptedResponse> answers, std::string_view more = "") {
    answers_ = std::move(answers);
    server_ = std::make_unique<ScriptedServer>([this](const ScriptedRequest& request) {
      if (request.line().find("/v1/config") != std::string::npos) {
        return ScriptedResponse::Answer(200, R"({"defaults":{"prefix":"no"},
                                                 "overrides":{"prefix":"ws/1"}})");
      }
      lines_.push_back(request.line().substr(0, request.line().find(" HTTP")));
      tokens_.push_back(request.header("Authorization"));
      bodies_.push_back(request.body);
      if (next_ == answers_.size()) return ScriptedResponse::Answer(500, "");
      return answers_[next_++];
    });
    const auto spec =
        IcebergSpec::Parse(StrCat("iceberg:", server_->url(), "?namespace=a.b&warehouse=w", more));
    ASSERT_TRUE(spec.ok()) << spec.status();
    const auto environment = [this](std::string_view name) -> std::optional<std::string> {
      const auto found = environment_.find(std::string(name));
      return found == environment_.end() ? std::nullopt : std::optional(found->second);
    };
    auto catalog = NewRestCatalog(spec->catalog, "events", environment, Clock::Real());
    ASSERT_TRUE(catalog.ok()) << catalog.status();
    catalog_ = *std::move(catalog);
  }
  static ScriptedResponse Error(int status, std::string_view type) {
    return ScriptedResponse::Answer(
        status, StrCat(R"({"error":{"message":"no \u001b luck","type":")", type, R"("}})"));
  }
  TableChange Snapshot() {
    TableChange change;
    change.snapshot = NewSnapshot{.id = 7, .sequence_number = 5, .manifest_list = "s3://b/t/l"};
    return change;
  }

  std::map<std::string, std::string> environment_;
  std::vector<ScriptedResponse> answers_;
  size_t next_ = 0;
  std::vector<std::string> lines_, tokens_, bodies_;
  std::unique_ptr<ScriptedServer> server_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_F(RestCatalogTest, LoadsWithThePrefixOfTheConfiguration) {
  environment_["ICEBERG_REST_TOKEN"] = "t1";
  Serve({ScriptedResponse::Answer(200, Loaded())});
  const auto table = catalog_->Load({});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->file, "s3://b/t/metadata/1.json");
  EXPECT_EQ(table->metadata.last_sequence_number, 4);
  EXPECT_THAT(lines_, ElementsAre("GET /v1/ws/1/namespaces/a%1Fb/tables/events"));
  EXPECT_THAT(tokens_, ElementsAre("Bearer t1"));
}

TEST_F(RestCatalogTest, AnswersHaveMeanings) {
  Serve({ScriptedResponse::Answer(200, Loaded()), Error(409, "CommitFailedException"),
         Error(500, "CommitStateUnknownException"), Error(503, "SlowDown"),
         Error(400, "BadRequestException"), ScriptedResponse::Answer(200, Loaded()),
         Error(403, "ForbiddenException"), Error(404, "NoSuchTableException"),
         ScriptedResponse::Answer(404, "default backend - 404"), ScriptedResponse::Answer(204, ""),
         ScriptedResponse::Answer(200, "{"), ScriptedResponse::Answer(200, "{}").CutAfter(20)});
  const auto table = catalog_->Load({});
  ASSERT_TRUE(table.ok()) << table.status();
  using Code = absl::StatusCode;
  for (const Code code : {Code::kAborted, Code::kUnavailable, Code::kUnavailable,
                          Code::kInvalidArgument, Code::kPermissionDenied, Code::kNotFound,
                          Code::kUnavailable, Code::kOk, Code::kUnavailable, Code::kUnavailable}) {
    const absl::Status status = catalog_->Change(*table, Snapshot(), {});
    EXPECT_EQ(status.code(), code) << status;
    if (!status.ok()) {
      EXPECT_THAT(status.message(), HasSubstr("a.b.events"));
    }
    EXPECT_THAT(status.message(), Not(HasSubstr("\x1b")));
  }
  EXPECT_EQ(bodies_[1],
            R"({"requirements":[{"type":"assert-table-uuid","uuid":"u-1"},)"
            R"({"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":null}],"updates":[)"
            R"({"action":"add-snapshot","snapshot":{"snapshot-id":7,"sequence-number":5,)"
            R"("timestamp-ms":0,"summary":{},"manifest-list":"s3://b/t/l","schema-id":0}},)"
            R"({"action":"set-snapshot-ref","ref-name":"main","type":"branch","snapshot-id":7}]})");
}

TEST_F(RestCatalogTest, ACommitKeepsHowLongSnapshotsAreKept) {
  std::string loaded = Loaded();
  loaded.replace(loaded.find("\"snapshots\":"), 0,
                 R"("refs":{"main":{"snapshot-id":3,"type":"branch","max-snapshot-age-ms":9}},)");
  Serve({ScriptedResponse::Answer(200, loaded), ScriptedResponse::Answer(200, "{}")});
  const auto table = catalog_->Load({});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_TRUE(catalog_->Change(*table, Snapshot(), {}).ok());
  EXPECT_THAT(bodies_[1], HasSubstr(R"("snapshot-id":7,"max-snapshot-age-ms":9})"));
}

// By a commit to another branch, which does not change what this one requires.
TEST_F(RestCatalogTest, ASequenceNumberThatWasTakenIsAConflict) {
  std::string moved = Loaded();
  moved.replace(moved.find("1.json"), 1, "2");
  Serve({ScriptedResponse::Answer(200, Loaded()), Error(400, "BadRequestException"),
         ScriptedResponse::Answer(200, moved)});
  const auto table = catalog_->Load({});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_TRUE(absl::IsAborted(catalog_->Change(*table, Snapshot(), {})));
}

TEST_F(RestCatalogTest, ATableOnADiskElsewhereIsRefused) {
  EXPECT_TRUE(IcebergSpec::Parse("iceberg:https://c?namespace=n&table=_a").ok());
  EXPECT_FALSE(IcebergSpec::Parse("iceberg:https://c?namespace=n&table=a.b").ok());
}

TEST_F(RestCatalogTest, ATokenThatIsRefusedIsFetchedAgainOnce) {
  environment_["ICEBERG_REST_CREDENTIAL"] = "me:hunter2";
  const auto token = [](int n) {
    return ScriptedResponse::Answer(200, StrCat(R"({"access_token":"t)", n, R"("})"));
  };
  Serve({token(1), Error(419, "AuthenticationTimeoutException"), token(2),
         ScriptedResponse::Answer(200, Loaded()), Error(401, "NotAuthorizedException"), token(3),
         Error(401, "NotAuthorizedException")});
  // The configuration does not ask for a token here, so each is of a request to the table.
  EXPECT_TRUE(catalog_->Load({}).ok());
  const absl::Status refused = catalog_->Load({}).status();
  EXPECT_TRUE(absl::IsUnauthenticated(refused)) << refused;
  EXPECT_THAT(refused.message(), HasSubstr("ICEBERG_REST_CREDENTIAL"));
  EXPECT_THAT(refused.message(), Not(HasSubstr("hunter2")));
  EXPECT_THAT(tokens_, ElementsAre("", "Bearer t1", "", "Bearer t2", "Bearer t2", "", "Bearer t3"));
  EXPECT_EQ(bodies_[0],
            "grant_type=client_credentials&client_id=me&client_secret=hunter2&scope=catalog");
}

TEST_F(RestCatalogTest, RequestsAreSignedForAws) {
  environment_ = {{"AWS_ACCESS_KEY_ID", "AKID"},
                  {"AWS_SECRET_ACCESS_KEY", "hunter2"},
                  {"AWS_REGION", "eu-west-1"}};
  Serve({ScriptedResponse::Answer(200, Loaded()), Error(401, "UnrecognizedClientException"),
         Error(401, "UnrecognizedClientException")},
        "&sigv4=glue");
  EXPECT_TRUE(catalog_->Load({}).ok());
  EXPECT_THAT(
      tokens_[0],
      testing::MatchesRegex("AWS4-HMAC-SHA256 Credential=AKID/[0-9]+/eu-west-1/glue/aws4_request, "
                            "SignedHeaders=accept;host;x-amz-date, Signature=[0-9a-f]+"));
  const absl::Status refused = catalog_->Load({}).status();
  EXPECT_TRUE(absl::IsUnauthenticated(refused)) << refused;
  EXPECT_THAT(refused.message(), HasSubstr("AWS credentials"));
}

TEST_F(RestCatalogTest, ANamespaceIsMadeForATableThatNeedsIt) {
  Serve({Error(404, "NoSuchNamespaceException"), Error(409, "AlreadyExistsException"),
         ScriptedResponse::Answer(200, "{}"), ScriptedResponse::Answer(200, Loaded())});
  ASSERT_TRUE(catalog_->Create({.columns = {{.id = 1, .name = "a", .type = "string"}}}, {}).ok());
  EXPECT_THAT(lines_,
              ElementsAre("POST /v1/ws/1/namespaces/a%1Fb/tables", "POST /v1/ws/1/namespaces",
                          "POST /v1/ws/1/namespaces", "POST /v1/ws/1/namespaces/a%1Fb/tables"));
  EXPECT_EQ(bodies_[2], R"({"namespace":["a","b"],"properties":{}})");
  EXPECT_THAT(bodies_[3], HasSubstr(R"("name":"events")"));
}

TEST(RestCatalog, ContradictoryCredentialsAreRefused) {
  const auto both = [](std::string_view name) -> std::optional<std::string> {
    if (name == "ICEBERG_REST_TOKEN" || name == "ICEBERG_REST_CREDENTIAL") return "a:hunter2";
    return std::nullopt;
  };
  const auto status = NewRestCatalog({.url = "https://c"}, "t", both, Clock::Real()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(status.message(), Not(HasSubstr("hunter2")));
  const auto elsewhere = [](std::string_view name) -> std::optional<std::string> {
    if (name == "ICEBERG_REST_CREDENTIAL") return "a:hunter2";
    if (name == "ICEBERG_REST_OAUTH_URI") return "http://login.example/token";
    return std::nullopt;
  };
  EXPECT_THAT(
      NewRestCatalog({.url = "https://c"}, "t", elsewhere, Clock::Real()).status().message(),
      HasSubstr("must be https"));
}

}  // namespace
}  // namespace millrace::iceberg
