#include "stores/gcs_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "io/object_store.h"
#include "stores/cloud_store.h"
#include "stores/testing/fake_cloud.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::Not;

class GcsServiceTest : public testing::Test {
 protected:
  std::unique_ptr<ObjectStore> Store(std::stop_token stop = {}) {
    return NewCloudStore(NewGcsService({.endpoint = "http://gcs.test",
                                        .credentials = NoGoogleCredentials("secret-token"),
                                        .service = cloud_.options()}),
                         std::move(stop));
  }

  std::vector<std::string> List(const std::string& pattern, absl::Status* status) {
    std::vector<std::string> uris;
    *status = Store()->List(pattern, [&](const ObjectInfo& info) {
      uris.push_back(info.uri);
      return absl::OkStatus();
    });
    return uris;
  }

  absl::Status ListStatus() {
    absl::Status status;
    EXPECT_TRUE(List("gs://b/data/", &status).empty());
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("secret-token")));
    return status;
  }

  static std::string Error(int code, const std::string& reason, const std::string& message) {
    return R"({"error": {"code": )" + std::to_string(code) + R"(, "message": ")" + message +
           R"(", "errors": [{"reason": ")" + reason + R"("}]}})";
  }

  FakeCloud cloud_;
  const ObjectInfo object_{"gs://b/a", 10, "7"};
};

TEST_F(GcsServiceTest, ListsPageByPageWithThePrefixOfThePattern) {
  std::vector<std::string> prefixes;
  cloud_.answer = [&](const HttpRequest& request) -> HttpResponse {
    EXPECT_EQ(FakeCloud::HeaderOf(request, "Authorization"), "Bearer secret-token");
    if (request.url ==
        "http://gcs.test/storage/v1/b/b/o/e%2F2%2A?prettyPrint=false&fields="
        "name,generation,size") {
      return {.status = 404, .body = Error(404, "notFound", "No such object: b/e/2*")};
    }
    EXPECT_THAT(request.url, testing::StartsWith("http://gcs.test/storage/v1/b/b/o?"));
    const size_t at = request.url.find("prefix=") + 7;
    prefixes.push_back(request.url.substr(at, request.url.find('&', at) - at));
    if (prefixes.back() == "e%2F2%2A%2F") return {.status = 200, .body = "{}"};
    if (request.url.find("pageToken=t%2F1") != std::string::npos) {
      return {.status = 200, .body = R"({"nextPageToken": "t/2"})"};
    }
    if (request.url.find("pageToken=t%2F2") != std::string::npos) {
      return {.status = 200,
              .body = R"({"items": [{"name": "e/2*c", "size": "0", "generation": "2"}]})"};
    }
    return {.status = 200,
            .body = R"({"items": [{"name": "e/1b", "size": "5", "generation": "1"},)"
                    R"({"name": "e/2b", "size": "9", "generation": "18446744073709551615"}],)"
                    R"("nextPageToken": "t/1"})"};
  };
  absl::Status status;
  EXPECT_THAT(List("gs://b/e/2*", &status), testing::ElementsAre("gs://b/e/2b", "gs://b/e/2*c"));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(prefixes, testing::ElementsAre("e%2F2%2A%2F", "e%2F2", "e%2F2", "e%2F2"));
}

TEST_F(GcsServiceTest, FindsOneObjectByItsMetadata) {
  cloud_.answer = [](const HttpRequest& request) -> HttpResponse {
    EXPECT_EQ(request.url,
              "http://gcs.test/storage/v1/b/b/o/d%2Fa?prettyPrint=false&fields="
              "name,generation,size");
    return {.status = 200, .body = R"({"name": "d/a", "size": "12", "generation": "7"})"};
  };
  const absl::StatusOr<ObjectInfo> found = Store()->Find("gs://b/d/a");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->uri, "gs://b/d/a");
  EXPECT_EQ(found->size, 12);
  EXPECT_EQ(found->version, "7");
  cloud_.answer = [](const HttpRequest&) {
    return HttpResponse{.status = 404, .body = "No such object"};
  };
  EXPECT_TRUE(absl::IsNotFound(Store()->Find("gs://b/d/a").status()));
  cloud_.answer = [](const HttpRequest&) { return HttpResponse{.status = 200, .body = "{}"}; };
  EXPECT_TRUE(absl::IsUnavailable(Store()->Find("gs://b/d/a").status()));
}

TEST_F(GcsServiceTest, PassesOverFoldersInWhichNothingIsNamed) {
  cloud_.answer = [](const HttpRequest& request) -> HttpResponse {
    if (request.url.find("startOffset=_tmp0") != std::string::npos) {
      return {.status = 200,
              .body = R"({"items": [{"name": "a", "size": "1", "generation": "1"}]})"};
    }
    return {.status = 200,
            .body = R"({"items": [{"name": "_tmp/1", "size": "5", "generation": "1"}],)"
                    R"("nextPageToken": "more"})"};
  };
  absl::Status status;
  EXPECT_THAT(List("gs://b/", &status), testing::ElementsAre("gs://b/a"));
  EXPECT_EQ(cloud_.requests().size(), 2);
}

TEST_F(GcsServiceTest, ReadsTheListedGenerationAsItIsStored) {
  cloud_.answer = [](const HttpRequest& request) { return FakeCloud::Part(request, "0123456789"); };
  const auto store = Store();
  auto reader = store->Open(object_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::string buffer(4, '\0');
  EXPECT_EQ(*(*reader)->ReadAt(8, absl::MakeSpan(buffer)), 2);
  EXPECT_EQ(buffer.substr(0, 2), "89");
  ASSERT_EQ(cloud_.requests().size(), 1);
  EXPECT_EQ(cloud_.requests()[0].url, "http://gcs.test/storage/v1/b/b/o/a?alt=media&generation=7");
  EXPECT_EQ(FakeCloud::HeaderOf(cloud_.requests()[0], "Accept-Encoding"), "gzip");
}

TEST_F(GcsServiceTest, GoesOnBehindTheLastByteOfABrokenAnswer) {
  int tries = 0;
  cloud_.answer = [&](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
    if (++tries > 3) return FakeCloud::Part(request, "0123456789");
    if (tries == 2) return HttpResponse{.status = 503, .headers = {{"retry-after", "7"}}};
    // The connection ends after two bytes.
    const HttpResponse whole = FakeCloud::Part(request, "0123456789");
    EXPECT_TRUE(request.on_head(whole).ok());
    EXPECT_TRUE(request.on_body(std::string_view(whole.body).substr(0, 2)).ok());
    return absl::UnavailableError("the connection was closed in the middle of the response");
  };
  const absl::Time begun = cloud_.clock.Now();
  const auto store = Store();
  auto reader = store->Open(object_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::string buffer(10, '\0');
  EXPECT_EQ(*(*reader)->ReadAt(0, absl::MakeSpan(buffer)), 10);
  EXPECT_EQ(buffer, "0123456789");
  std::vector<std::string> ranges;
  for (const HttpRequest& request : cloud_.requests()) {
    ranges.push_back(FakeCloud::HeaderOf(request, "Range"));
  }
  EXPECT_THAT(ranges, testing::ElementsAre("bytes=0-9", "bytes=2-9", "bytes=2-9", "bytes=4-9"));
  EXPECT_GE(cloud_.clock.Now() - begun, absl::Seconds(7));
}

TEST_F(GcsServiceTest, ANewGenerationInTheMiddleIsNoticed) {
  cloud_.answer = [](const HttpRequest& request) {
    HttpResponse response = FakeCloud::Part(request, "0123456789");
    response.headers.emplace_back("x-goog-generation", "8");
    return response;
  };
  const absl::Status status = Store()->Open(object_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("gs://b/a: it was replaced"));
}

TEST_F(GcsServiceTest, AGenerationThatIsGoneIsNamed) {
  cloud_.answer = [](const HttpRequest&) {
    return HttpResponse{.status = 404, .body = "No such object: b/a"};
  };
  const absl::Status status = Store()->Open(object_).status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_EQ(status.message(), "reading gs://b/a: it was removed or replaced since it was listed");
}

TEST_F(GcsServiceTest, AStormThatLastsEndsWithUnavailable) {
  cloud_.answer = [](const HttpRequest&) { return HttpResponse{.status = 503}; };
  const absl::Status status = ListStatus();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("giving up after"));
  EXPECT_GT(cloud_.requests().size(), 5);
}

// A refusal ends a request that failed before; the next failure, hours later, is the first one.
TEST_F(GcsServiceTest, AnOldFailureDoesNotEndTheRetriesOfANewOne) {
  const auto store = Store();
  int tries = 0;
  cloud_.answer = [&](const HttpRequest&) {
    return HttpResponse{.status = ++tries == 1 ? 503 : 403};
  };
  EXPECT_TRUE(absl::IsPermissionDenied(store->Open(object_).status()));
  cloud_.clock.Advance(absl::Hours(3));
  tries = 0;
  cloud_.answer = [&](const HttpRequest& request) {
    return ++tries < 4 ? HttpResponse{.status = 503} : FakeCloud::Part(request, "0123456789");
  };
  const auto reader = store->Open(object_);
  EXPECT_TRUE(reader.ok()) << reader.status();
}

TEST_F(GcsServiceTest, AStopEndsWaits) {
  std::stop_source stop;
  cloud_.answer = [&](const HttpRequest&) {
    stop.request_stop();
    return HttpResponse{.status = 503};
  };
  const absl::Status status =
      Store(stop.get_token())->List("gs://b/", [](const ObjectInfo&) { return absl::OkStatus(); });
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_EQ(cloud_.requests().size(), 1);
}

TEST_F(GcsServiceTest, RefusalsSayWhatToDo) {
  cloud_.answer = [](const HttpRequest&) {
    return HttpResponse{.status = 404,
                        .body = Error(404, "notFound", "The specified bucket does not exist.")};
  };
  absl::Status status = ListStatus();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("check the name"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("The specified bucket does not exist."));

  cloud_.answer = [](const HttpRequest&) {
    return HttpResponse{.status = 403, .body = Error(403, "forbidden", "x@y has no access")};
  };
  status = ListStatus();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("Storage Object Viewer"));

  cloud_.answer = [](const HttpRequest&) { return HttpResponse{.status = 401}; };
  status = ListStatus();
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("GOOGLE_APPLICATION_CREDENTIALS"));
}

TEST_F(GcsServiceTest, ARefusedTokenOfAMachineWithAWrongClockNamesHowFarItIsOff) {
  absl::Duration skew = absl::Minutes(20);
  cloud_.answer = [&](const HttpRequest&) {
    return HttpResponse{.status = 401, .headers = {FakeCloud::Date(cloud_.clock.Now() - skew)}};
  };
  const absl::Status status = ListStatus();
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr("this machine's clock is off by 20 minutes; correct it (e.g. with NTP); Google"));
  skew = absl::Seconds(20);
  EXPECT_THAT(std::string(ListStatus().message()), Not(HasSubstr("clock")));
}

TEST_F(GcsServiceTest, MovesByRewritesOfTheGenerationAndADelete) {
  std::vector<std::string> sent;
  cloud_.answer = [&](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
    sent.push_back(request.method + " " + request.url);
    EXPECT_TRUE(request.body.empty());
    switch (sent.size()) {
      case 1:
        return HttpResponse{.status = 200,
                            .body = R"({"name": "d/a b", "size": "9", "generation": "7"})"};
      case 2:
        return HttpResponse{.status = 200, .body = R"({"done": false, "rewriteToken": "t/1"})"};
      case 3:  // its response is lost
        return absl::UnavailableError("the connection was closed");
      case 4:
        return HttpResponse{.status = 200, .body = R"({"done": true})"};
      case 5:  // it did its work
        return HttpResponse{.status = 503};
      default:
        return HttpResponse{.status = 404, .body = "No such object: b/d/a b"};
    }
  };
  const absl::Status moved = Store()->Move("gs://b/d/a b", "gs://b/e/\xc3\xa9?");
  EXPECT_TRUE(moved.ok()) << moved;
  const std::string source = "http://gcs.test/storage/v1/b/b/o/d%2Fa%20b";
  const std::string rewrite =
      "POST " + source +
      "/rewriteTo/b/b/o/e%2F%C3%A9%3F?prettyPrint=false&fields=done,rewriteToken"
      "&ifSourceGenerationMatch=7";
  EXPECT_THAT(sent, testing::ElementsAre(
                        "GET " + source + "?prettyPrint=false&fields=name,generation,size", rewrite,
                        rewrite + "&rewriteToken=t%2F1", rewrite + "&rewriteToken=t%2F1",
                        "DELETE " + source, "DELETE " + source));
}

TEST_F(GcsServiceTest, AMoveThatFailsKeepsTheSource) {
  int status = 403;
  std::string body = Error(403, "forbidden", "x@y may not write");
  cloud_.answer = [&](const HttpRequest& request) -> HttpResponse {
    if (request.method == "POST") return {.status = status, .body = body};
    EXPECT_EQ(request.method, "GET");
    return {.status = 200, .body = R"({"name": "a", "size": "9", "generation": "7"})"};
  };
  absl::Status moved = Store()->Move("gs://b/a", "gs://b/c");
  EXPECT_TRUE(absl::IsPermissionDenied(moved)) << moved;
  EXPECT_THAT(std::string(moved.message()),
              testing::AllOf(HasSubstr("moving gs://b/a to gs://b/c"), HasSubstr("x@y may not")));
  status = 412;
  moved = Store()->Move("gs://b/a", "gs://b/c");
  EXPECT_TRUE(absl::IsFailedPrecondition(moved)) << moved;
  status = 200;
  body = R"({"done": false})";
  moved = Store()->Move("gs://b/a", "gs://b/c");
  EXPECT_TRUE(absl::IsUnavailable(moved)) << moved;
  const size_t sent = cloud_.requests().size();
  EXPECT_TRUE(absl::IsInvalidArgument(Store()->Move("gs://b/a", "gs://other/a")));
  EXPECT_EQ(cloud_.requests().size(), sent);
}

TEST_F(GcsServiceTest, AMoveThatMayNotRemoveTheSourceSaysThatItWasCopied) {
  cloud_.answer = [&](const HttpRequest& request) -> HttpResponse {
    if (request.method == "POST") return {.status = 200, .body = R"({"done": true})"};
    if (request.method == "DELETE") return {.status = 403, .body = "no"};
    return {.status = 200, .body = R"({"name": "a", "size": "9", "generation": "7"})"};
  };
  const absl::Status moved = Store()->Move("gs://b/a", "gs://b/c");
  EXPECT_TRUE(absl::IsPermissionDenied(moved)) << moved;
  EXPECT_THAT(std::string(moved.message()), HasSubstr("removing it after the copy"));
}

TEST_F(GcsServiceTest, AnObjectThatALostTryCreatedExistsAlready) {
  int tries = 0;
  cloud_.answer = [&](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
    EXPECT_EQ(request.url,
              "http://gcs.test/upload/storage/v1/b/b/o?uploadType=media&fields=generation"
              "&name=d%2Fa&ifGenerationMatch=0");
    EXPECT_EQ(request.body, "content");
    if (++tries == 1) return absl::UnavailableError("the connection was closed");
    return HttpResponse{.status = 412, .body = Error(412, "conditionNotMet", "At least one")};
  };
  const absl::Status created = Store()->CreateIfAbsent("gs://b/d/a", "content");
  EXPECT_TRUE(absl::IsAlreadyExists(created)) << created;
  EXPECT_EQ(created.message(), "creating gs://b/d/a: it exists already");
  EXPECT_EQ(tries, 2);

  for (const auto& [status, code] :
       std::vector<std::pair<int, absl::StatusCode>>{{200, absl::StatusCode::kOk},
                                                     {401, absl::StatusCode::kUnauthenticated},
                                                     {403, absl::StatusCode::kPermissionDenied},
                                                     {404, absl::StatusCode::kNotFound}}) {
    cloud_.answer = [&](const HttpRequest&) { return HttpResponse{.status = status}; };
    EXPECT_EQ(Store()->CreateIfAbsent("gs://b/d/a", "content").code(), code);
  }
}

TEST_F(GcsServiceTest, BucketsMustBeNamed) {
  absl::Status status;
  List("gs://*/a", &status);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  List("gs:///a", &status);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
}

}  // namespace
}  // namespace millrace
