#include "connectors/mixpanel/import_response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace::mixpanel {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = ImportOutcome::Kind;

auto Refused(size_t row, const std::string& field, const std::string& message) {
  return AllOf(Field(&RefusedRow::row, row), Field(&RefusedRow::field, field),
               Field(&RefusedRow::message, message),
               Field(&RefusedRow::code, "rejected_by_destination"));
}

std::string Why(const ImportOutcome& outcome) { return std::string(outcome.why.message()); }

// What Mixpanel's documentation shows and what was seen of it.

TEST(ClassifyImportResponse, ASuccessThatCountsAllEventsIsDurable) {
  const ImportOutcome outcome = ClassifyImportResponse(
      200, R"({"code":200,"num_records_imported":2000,"status":"OK"})", 2000);
  EXPECT_EQ(outcome.kind, Kind::kDurable);
  EXPECT_THAT(outcome.refused, IsEmpty());
}

TEST(ClassifyImportResponse, ABadRequestRefusesTheNamedEventsAlone) {
  const ImportOutcome outcome = ClassifyImportResponse(
      400,
      R"({"code":400,"error":"some data points in the request failed validation",
          "failed_records":[
            {"index":7,"insert_id":"b","field":"$insert_id","message":"'$insert_id' is invalid"},
            {"index":0,"$insert_id":"a","field":"properties.time","message":"'time' is invalid"}],
          "num_records_imported":998,"status":"Bad Request"})",
      1000);
  EXPECT_EQ(outcome.kind, Kind::kDurable);
  EXPECT_THAT(outcome.refused, ElementsAre(Refused(0, "properties.time", "'time' is invalid"),
                                           Refused(7, "$insert_id", "'$insert_id' is invalid")));
}

TEST(ClassifyImportResponse, ANamedEventWithoutAMessageGetsTheAnswersOwn) {
  const ImportOutcome outcome = ClassifyImportResponse(
      400, R"({"error":"failed","failed_records":[{"index":1}],"num_records_imported":1})", 2);
  EXPECT_THAT(outcome.refused, ElementsAre(Refused(1, "", "failed")));
}

TEST(ClassifyImportResponse, PlainTextsRefuseTheWholeRequest) {
  const ImportOutcome outcome = ClassifyImportResponse(
      400,
      R"({"code":400,"error":"some data points in the request failed validation",
          "failed_records":["identity events are not allowed when project is using simplified identity management"],
          "num_records_imported":0,"status":"Bad Request"})",
      10);
  EXPECT_EQ(outcome.kind, Kind::kRefused);
  EXPECT_THAT(Why(outcome), HasSubstr("identity events are not allowed"));
}

TEST(ClassifyImportResponse, ABadRequestThatNamesNothingRefusesTheWholeRequest) {
  for (const char* body :
       {R"({"code":400,"error":"invalid JSON","status":"Bad Request"})",
        R"({"error":"invalid JSON"})", R"({"error":"invalid JSON","failed_records":null})",
        R"({"error":"invalid JSON","failed_records":[],"num_records_imported":0})"}) {
    const ImportOutcome outcome = ClassifyImportResponse(400, body, 10);
    EXPECT_EQ(outcome.kind, Kind::kRefused) << body;
    EXPECT_EQ(Why(outcome), "invalid JSON");
  }
}

TEST(ClassifyImportResponse, CountsThatDoNotAddUpAreNotBelieved) {
  for (const char* body : {
           // One event is neither stored nor named.
           R"({"failed_records":[{"index":0}],"num_records_imported":8})",
           // More than was sent.
           R"({"failed_records":[{"index":0}],"num_records_imported":10})",
           // Out of bounds.
           R"({"failed_records":[{"index":10}],"num_records_imported":9})",
           R"({"failed_records":[{"index":-1}],"num_records_imported":9})",
           R"({"failed_records":[{"index":18446744073709551616}],"num_records_imported":9})",
           R"({"failed_records":[{"index":1.5}],"num_records_imported":9})",
           R"({"failed_records":[{"index":"1"}],"num_records_imported":9})",
           // The same event twice is one.
           R"({"failed_records":[{"index":1},{"index":1}],"num_records_imported":8})",
           // Mixed shapes, no count, a text for a list.
           R"({"failed_records":[{"index":1},"text"],"num_records_imported":8})",
           R"({"failed_records":[{"index":1}]})",
           R"({"failed_records":"text","num_records_imported":9})",
           // A refusal that stored everything.
           R"({"error":"x","num_records_imported":10})",
       }) {
    EXPECT_EQ(ClassifyImportResponse(400, body, 10).kind, Kind::kUnclear) << body;
  }
}

TEST(ClassifyImportResponse, ASingleNamedEventNeedsNoCount) {
  const ImportOutcome outcome =
      ClassifyImportResponse(400, R"({"failed_records":[{"index":0,"message":"m"}]})", 1);
  EXPECT_EQ(outcome.kind, Kind::kDurable);
  EXPECT_THAT(outcome.refused, ElementsAre(Refused(0, "", "m")));
  EXPECT_EQ(
      ClassifyImportResponse(400, R"({"failed_records":[{"index":0}],"num_records_imported":1})", 1)
          .kind,
      Kind::kUnclear);
}

TEST(ClassifyImportResponse, ASuccessThatProvesNothingIsRetried) {
  for (const char* body :
       {"", "1", "0", "OK", "<html>", "null", "[]", "{}", "{\"code\":200",
        R"({"status":1,"error":null})", R"({"code":200,"num_records_imported":9,"status":"OK"})",
        R"({"code":200,"num_records_imported":11,"status":"OK"})",
        R"({"code":200,"num_records_imported":"10","status":"OK"})",
        R"({"code":200,"num_records_imported":10.0,"status":"OK"})",
        R"({"code":500,"num_records_imported":10})",
        R"({"num_records_imported":9,"failed_records":["x"]})"}) {
    const ImportOutcome outcome = ClassifyImportResponse(200, body, 10);
    EXPECT_EQ(outcome.kind, Kind::kRetry) << body;
    EXPECT_FALSE(outcome.throttled);
    EXPECT_FALSE(outcome.why.ok());
  }
  EXPECT_THAT(Why(ClassifyImportResponse(200, R"({"num_records_imported":9})", 10)),
              HasSubstr("stored 9 of 10"));
}

TEST(ClassifyImportResponse, OtherSuccessesAreNotMixpanels) {
  for (const int status : {100, 201, 202, 204, 206}) {
    EXPECT_EQ(ClassifyImportResponse(status, R"({"num_records_imported":10})", 10).kind,
              Kind::kRetry);
  }
}

TEST(ClassifyImportResponse, ABadRequestThatIsNotMixpanelsIsSentAgain) {
  const ImportOutcome outcome = ClassifyImportResponse(
      400, "<html><center>The plain HTTP request was sent to HTTPS port</center></html>", 10);
  EXPECT_EQ(outcome.kind, Kind::kRetry);
  EXPECT_THAT(Why(outcome), HasSubstr("not an answer of Mixpanel's"));
}

TEST(ClassifyImportResponse, RefusedCredentialsStopTheRun) {
  const char* body = R"({"code":401,"error":"Invalid credentials","status":"Unauthorized"})";
  EXPECT_EQ(ClassifyImportResponse(401, body, 1).kind, Kind::kStop);
  EXPECT_EQ(ClassifyImportResponse(401, body, 1).why,
            absl::UnauthenticatedError("answered 401: Invalid credentials"));
  EXPECT_EQ(ClassifyImportResponse(403, "", 1).why, absl::PermissionDeniedError("answered 403"));
}

TEST(ClassifyImportResponse, OtherClientErrorsStopTheRun) {
  for (const int status : {402, 404, 405, 411, 415, 422, 431, 451}) {
    const ImportOutcome outcome = ClassifyImportResponse(status, "", 1);
    EXPECT_EQ(outcome.kind, Kind::kStop) << status;
    EXPECT_EQ(outcome.why.code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(ClassifyImportResponse(302, "", 1).kind, Kind::kStop);
  EXPECT_THAT(Why(ClassifyImportResponse(302, "", 1)), HasSubstr("redirect"));
}

TEST(ClassifyImportResponse, OverloadAndServerErrorsAreRetried) {
  const ImportOutcome limited = ClassifyImportResponse(
      429, R"({"code":429,"error":"Project exceeded rate limits.","status":"Too Many Requests"})",
      1);
  EXPECT_EQ(limited.kind, Kind::kRetry);
  EXPECT_TRUE(limited.throttled);
  EXPECT_EQ(Why(limited), "answered 429: Project exceeded rate limits.");
  for (const int status : {408, 500, 502, 503, 504, 524, 599}) {
    const ImportOutcome outcome = ClassifyImportResponse(status, "<b>oops</b>", 1);
    EXPECT_EQ(outcome.kind, Kind::kRetry) << status;
    EXPECT_FALSE(outcome.throttled);
    EXPECT_EQ(Why(outcome), StrCat("answered ", status, ": <b>oops</b>"));
  }
  for (const int status : {501, 505}) {
    EXPECT_EQ(ClassifyImportResponse(status, "<b>oops</b>", 1).kind, Kind::kStop) << status;
  }
}

TEST(ClassifyImportResponse, TooLargeMayNameTheLimit) {
  const ImportOutcome named = ClassifyImportResponse(
      413,
      R"({"code":413,"error":"request exceeds max limit of 2097152 bytes","status":"Request Entity Too Large"})",
      1);
  EXPECT_EQ(named.kind, Kind::kTooLarge);
  EXPECT_EQ(named.named_limit, 2'097'152u);
  EXPECT_EQ(ClassifyImportResponse(413, "<html>413</html>", 1).named_limit, 0u);
  EXPECT_EQ(ClassifyImportResponse(413, "limit of 99999999999999999999999 bytes", 1).named_limit,
            0u);
}

TEST(ClassifyImportResponse, CleansAndShortensWhatItQuotes) {
  const std::string huge(1 << 20, 'x');
  EXPECT_LT(Why(ClassifyImportResponse(500, huge, 1)).size(), 300u);
  EXPECT_EQ(Why(ClassifyImportResponse(500, "\x1B[2J\nboom", 1)), "answered 500: [2J boom");
  const ImportOutcome refused = ClassifyImportResponse(
      400, R"({"failed_records":[{"index":0,"message":"a\u001b\nb"}],"num_records_imported":0})",
      1);
  EXPECT_THAT(refused.refused, ElementsAre(Refused(0, "", "a b")));
}

TEST(ClassifyImportResponse, SurvivesDeepNesting) {
  const std::string deep(200'000, '[');
  EXPECT_EQ(ClassifyImportResponse(200, deep, 1).kind, Kind::kRetry);
  const std::string closed = StrCat("{\"error\":", deep, std::string(200'000, ']'), "}");
  EXPECT_EQ(ClassifyImportResponse(400, closed, 1).kind, Kind::kRefused);
}

TEST(ClassifyProfileResponse, SuccessIsAStatusOfOneWithoutAnError) {
  for (const char* body : {R"({"error":null,"status":1})", R"({"error":"","status":1})",
                           R"({"error":null,"status":1,"num_good_events":10})",
                           R"({"code":200,"status":"OK","num_good_events":10})"}) {
    EXPECT_EQ(ClassifyProfileResponse(200, body, 10).kind, Kind::kDurable) << body;
  }
}

TEST(ClassifyProfileResponse, AStatusOfZeroRefusesTheWholeRequest) {
  const ImportOutcome outcome =
      ClassifyProfileResponse(200, R"({"status":0,"error":"$distinct_id, missing or empty"})", 10);
  EXPECT_EQ(outcome.kind, Kind::kRefused);
  EXPECT_EQ(Why(outcome), "$distinct_id, missing or empty");
  EXPECT_EQ(ClassifyProfileResponse(200, R"({"status":0})", 10).kind, Kind::kRefused);
  EXPECT_EQ(ClassifyProfileResponse(200, R"({"status":1,"error":"no"})", 10).kind, Kind::kRefused);
}

TEST(ClassifyProfileResponse, ATemporaryFailureIsRetried) {
  EXPECT_EQ(
      ClassifyProfileResponse(200, R"({"status":0,"error":"a temporary failure occurred"})", 10)
          .kind,
      Kind::kRetry);
}

TEST(ClassifyProfileResponse, ABadTokenStopsTheRun) {
  const ImportOutcome outcome =
      ClassifyProfileResponse(200, R"({"status":0,"error":"token, missing or empty"})", 10);
  EXPECT_EQ(outcome.kind, Kind::kStop);
  EXPECT_EQ(outcome.why.code(), absl::StatusCode::kUnauthenticated);
}

TEST(ClassifyProfileResponse, NamedRecordsAreRefusedAlone) {
  const char* body =
      R"({"status":0,"error":"x","num_good_events":8,
          "failed_records":[{"index":3,"field":"$set","message":"m"},{"index":5}]})";
  const ImportOutcome outcome = ClassifyProfileResponse(200, body, 10);
  EXPECT_EQ(outcome.kind, Kind::kDurable);
  EXPECT_THAT(outcome.refused, ElementsAre(Refused(3, "$set", "m"), Refused(5, "", "x")));
  EXPECT_EQ(ClassifyProfileResponse(400, body, 10).kind, Kind::kDurable);
}

TEST(ClassifyProfileResponse, CountsThatDoNotAddUpAreNotBelieved) {
  for (const char* body :
       {R"({"status":1,"num_good_events":9})", R"({"status":1,"failed_records":[{"index":3}]})",
        R"({"status":1,"num_good_events":8,"failed_records":[{"index":3}]})"}) {
    EXPECT_EQ(ClassifyProfileResponse(200, body, 10).kind, Kind::kUnclear) << body;
  }
}

TEST(ClassifyProfileResponse, ASuccessThatProvesNothingIsRetried) {
  for (const char* body : {"", "1", "0", "{}", "<html>", R"({"error":null})", R"({"code":200})"}) {
    EXPECT_EQ(ClassifyProfileResponse(200, body, 10).kind, Kind::kRetry) << body;
  }
}

TEST(ClassifyProfileResponse, OtherStatusesMeanWhatTheyDoForEvents) {
  EXPECT_EQ(ClassifyProfileResponse(401, R"({"error":"no","status":"error"})", 1).kind,
            Kind::kStop);
  EXPECT_EQ(ClassifyProfileResponse(413, "", 1).kind, Kind::kTooLarge);
  EXPECT_TRUE(ClassifyProfileResponse(429, "", 1).throttled);
  EXPECT_EQ(ClassifyProfileResponse(503, "", 1).kind, Kind::kRetry);
}

}  // namespace
}  // namespace millrace::mixpanel
