#include "stores/azure_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "stores/azure_responses.h"
#include "stores/cloud_store.h"
#include "stores/testing/fake_cloud.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::Not;

class AzureServiceTest : public testing::Test {
 protected:
  absl::Status List(AzureCredentials credentials, const std::string& pattern = "az://data/x/") {
    credentials.description = "the test's credentials";
    const auto store = NewCloudStore(
        NewAzureService({.credentials = std::move(credentials), .service = cloud_.options()}), {});
    return store->List(pattern, [](const ObjectInfo&) { return absl::OkStatus(); });
  }

  std::unique_ptr<ObjectStore> Store(AzureCredentials credentials = {.account = "mine",
                                                                     .key = "k"}) {
    credentials.description = "the test's credentials";
    return NewCloudStore(
        NewAzureService({.credentials = std::move(credentials), .service = cloud_.options()}), {});
  }

  static HttpResponse Copied(int http_status, const std::string& status,
                             const std::string& id = "c1") {
    return {.status = http_status,
            .headers = {{"etag", "\"0x2\""},
                        {"content-length", "0"},
                        {"x-ms-copy-id", id},
                        {"x-ms-copy-status", status},
                        {"x-ms-copy-status-description", "500 said"}}};
  }

  // Responds to a Move from az://data/a: `started`, then `polled` until there are no more.
  void RespondToMove(HttpResponse started, std::vector<HttpResponse> polled) {
    cloud_.answer = [started, polled, next = size_t{0}](const HttpRequest& request) mutable {
      if (request.method == "PUT") return started;
      if (request.method == "DELETE") return HttpResponse{.status = 202};
      if (request.url.find("/data/a") != std::string::npos) {
        return HttpResponse{.status = 200,
                            .headers = {{"etag", "\"0x1\""}, {"content-length", "7"}}};
      }
      return polled.at(std::min(next++, polled.size() - 1));
    };
  }

  static HttpResponse Empty() {
    return {.status = 200,
            .body =
                "\xef\xbb\xbf<?xml version=\"1.0\"?><EnumerationResults><Blobs/><NextMarker/>"
                "</EnumerationResults>"};
  }

  FakeCloud cloud_;
};

TEST_F(AzureServiceTest, FindsTheAccountInTheUriOrTheEnvironment) {
  cloud_.answer = [](const HttpRequest&) { return Empty(); };
  EXPECT_TRUE(absl::IsNotFound(List({.account = "mine", .key = "k"})));
  EXPECT_THAT(cloud_.requests().back().url,
              testing::StartsWith("https://mine.blob.core.windows.net/data?restype=container"));
  EXPECT_TRUE(
      absl::IsNotFound(List({.sas = "sig=s"}, "abfss://data@other.dfs.core.windows.net/x/")));
  EXPECT_THAT(cloud_.requests().back().url,
              testing::StartsWith("https://other.blob.core.windows.net/data?"));
  EXPECT_TRUE(absl::IsInvalidArgument(List({.key = "k"})));
  EXPECT_TRUE(absl::IsInvalidArgument(
      List({.account = "mine", .key = "k"}, "abfss://data@other.dfs.core.windows.net/x/")));
}

TEST_F(AzureServiceTest, ASignatureIsInNoMessage) {
  cloud_.answer = [](const HttpRequest& request) -> HttpResponse {
    EXPECT_THAT(request.url, HasSubstr("&sv=1&sig=very-secret"));
    return {
        .status = 403,
        .body =
            "<Error><Code>AuthorizationFailure</Code><Message>no\nRequestId:1</Message></Error>"};
  };
  const absl::Status status = List({.account = "mine", .sas = "sv=1&sig=very-secret"});
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("very-secret")));
  EXPECT_THAT(std::string(status.message()), HasSubstr("Storage Blob Data Reader"));
}

TEST_F(AzureServiceTest, SignsWithTheServersClockIfOursIsWrong) {
  const absl::Time server = cloud_.clock.Now() - absl::Hours(3);
  const std::string date = FakeCloud::Date(server).second;
  cloud_.answer = [&](const HttpRequest& request) -> HttpResponse {
    if (FakeCloud::HeaderOf(request, "x-ms-date") == date) return Empty();
    return {.status = 403,
            .headers = {{"date", date}, {"x-ms-error-code", "AuthenticationFailed"}}};
  };
  EXPECT_TRUE(absl::IsNotFound(List({.account = "mine", .key = "k"})));
  EXPECT_EQ(cloud_.requests().size(), 2);

  cloud_.answer = [](const HttpRequest&) {
    return HttpResponse{.status = 403, .headers = {{"x-ms-error-code", "AuthenticationFailed"}}};
  };
  const absl::Status status = List({.account = "mine", .key = "k"});
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("check the test's credentials"));
}

TEST_F(AzureServiceTest, AWrongKeyIsToldFromADeniedOperationByTheMessageToo) {
  cloud_.answer = [](const HttpRequest&) -> HttpResponse {
    return {.status = 403,
            .body =
                "<Error><Code>AuthorizationFailure</Code><Message>Server failed to authenticate "
                "the request.</Message></Error>"};
  };
  const absl::Status status = List({.account = "mine", .key = "k"});
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
}

TEST_F(AzureServiceTest, FindsOneBlobByItsProperties) {
  HttpResponse head{.status = 200, .headers = {{"etag", "\"0x1\""}, {"content-length", "7"}}};
  cloud_.answer = [&](const HttpRequest& request) {
    EXPECT_EQ(request.method, "HEAD");
    EXPECT_EQ(request.url, "https://mine.blob.core.windows.net/data/x/a");
    return head;
  };
  const auto store = NewCloudStore(NewAzureService({.credentials = {.account = "mine", .key = "k"},
                                                    .service = cloud_.options()}),
                                   {});
  const absl::StatusOr<ObjectInfo> found = store->Find("az://data/x/a");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->uri, "az://data/x/a");
  EXPECT_EQ(found->size, 7);
  EXPECT_EQ(found->version, "0x1");
  for (const auto& folder : std::vector<std::pair<std::string, std::string>>{
           {"x-ms-resource-type", "directory"}, {"x-ms-meta-hdi_isfolder", "true"}}) {
    head.headers.push_back(folder);
    EXPECT_TRUE(absl::IsNotFound(store->Find("az://data/x/a").status())) << folder.first;
    head.headers.pop_back();
  }
}

TEST_F(AzureServiceTest, AMissingContainerIsNamed) {
  cloud_.answer = [](const HttpRequest&) {
    return HttpResponse{.status = 404, .headers = {{"x-ms-error-code", "ContainerNotFound"}}};
  };
  const absl::Status status = List({.account = "mine", .key = "k"});
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no such container"));
}

TEST_F(AzureServiceTest, MovesByACopyOfTheVersionAndADelete) {
  std::vector<std::string> sent;
  cloud_.answer = [&](const HttpRequest& request) -> HttpResponse {
    sent.push_back(request.method + " " + request.url);
    if (request.method == "DELETE") return {.status = 202};
    if (request.method == "HEAD") {
      return {.status = 200, .headers = {{"etag", "\"0x1\""}, {"content-length", "7"}}};
    }
    EXPECT_EQ(FakeCloud::HeaderOf(request, "x-ms-copy-source"),
              "https://mine.blob.core.windows.net/data/d/a%20b%3F%C3%A9");
    EXPECT_EQ(FakeCloud::HeaderOf(request, "x-ms-source-if-match"), "\"0x1\"");
    if (sent.size() == 2) {
      return {.status = 409, .headers = {{"x-ms-error-code", "PendingCopyOperation"}}};
    }
    return Copied(202, "success");
  };
  const absl::Status moved = Store()->Move("az://data/d/a b?\xc3\xa9", "az://data/e/x y");
  EXPECT_TRUE(moved.ok()) << moved;
  const std::string source = " https://mine.blob.core.windows.net/data/d/a%20b%3F%C3%A9";
  const std::string copy = "PUT https://mine.blob.core.windows.net/data/e/x%20y";
  EXPECT_THAT(sent, testing::ElementsAre("HEAD" + source, copy, copy, "DELETE" + source));
  EXPECT_TRUE(absl::IsInvalidArgument(Store()->Move("az://data/a", "az://other/a")));
}

TEST_F(AzureServiceTest, TheSourceOfACopyIsReadWithTheSameSignature) {
  RespondToMove(Copied(202, "success"), {});
  const absl::Status moved =
      Store({.account = "mine", .sas = "sv=1&sig=very-secret"})->Move("az://data/a", "az://data/b");
  EXPECT_TRUE(moved.ok()) << moved;
  const HttpRequest copy = cloud_.requests()[1];
  EXPECT_EQ(FakeCloud::HeaderOf(copy, "x-ms-copy-source"),
            "https://mine.blob.core.windows.net/data/a?sv=1&sig=very-secret");
}

TEST_F(AzureServiceTest, WaitsForACopyThatIsPending) {
  RespondToMove(Copied(202, "pending"),
                {Copied(200, "pending"), Copied(200, "pending"), Copied(200, "success")});
  const absl::Status moved = Store()->Move("az://data/a", "az://data/b");
  EXPECT_TRUE(moved.ok()) << moved;
  ASSERT_EQ(cloud_.requests().size(), 6);
  EXPECT_EQ(cloud_.requests()[4].method, "HEAD");
  EXPECT_THAT(cloud_.requests()[4].url, testing::EndsWith("/data/b"));
  EXPECT_EQ(cloud_.requests()[5].method, "DELETE");
}

TEST_F(AzureServiceTest, ACopyThatDoesNotSucceedKeepsTheSource) {
  const auto move = [&] {
    const absl::Status moved = Store()->Move("az://data/a", "az://data/b");
    EXPECT_THAT(std::string(moved.message()), HasSubstr("moving az://data/a to az://data/b"));
    const std::vector<HttpRequest> sent = cloud_.requests();
    EXPECT_TRUE(std::none_of(sent.begin(), sent.end(), [](const HttpRequest& request) {
      return request.method == "DELETE" && request.url.ends_with("/data/a");
    }));
    return moved;
  };
  RespondToMove(Copied(202, "pending"), {Copied(200, "failed")});
  const absl::Status failed = move();
  EXPECT_TRUE(absl::IsUnavailable(failed)) << failed;
  EXPECT_THAT(std::string(failed.message()), HasSubstr("500 said"));
  // Only the empty blob of this copy is removed.
  EXPECT_EQ(cloud_.requests().back().method, "DELETE");
  EXPECT_THAT(cloud_.requests().back().url, testing::EndsWith("/data/b"));
  EXPECT_EQ(FakeCloud::HeaderOf(cloud_.requests().back(), "If-Match"), "\"0x2\"");

  RespondToMove(Copied(202, "pending"), {Copied(200, "success", "c2")});
  EXPECT_TRUE(absl::IsAborted(move()));
  RespondToMove(Copied(202, "pending"), {HttpResponse{.status = 404}});
  EXPECT_TRUE(absl::IsAborted(move()));
  RespondToMove(HttpResponse{.status = 403}, {});
  EXPECT_TRUE(absl::IsPermissionDenied(move()));

  const absl::Duration begun = cloud_.clock.Elapsed();
  RespondToMove(Copied(202, "pending"), {Copied(200, "pending")});
  const absl::Status pending = move();
  EXPECT_TRUE(absl::IsUnavailable(pending)) << pending;
  EXPECT_THAT(std::string(pending.message()), HasSubstr("not complete after 1h"));
  EXPECT_LT(cloud_.clock.Elapsed() - begun, absl::Hours(1) + absl::Minutes(1));
}

TEST_F(AzureServiceTest, ABlobThatALostTryCreatedExistsAlready) {
  for (const auto& [status, error] : std::vector<std::pair<int, std::string>>{
           {409, "BlobAlreadyExists"}, {412, "ConditionNotMet"}}) {
    int tries = 0;
    cloud_.answer = [&](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
      EXPECT_EQ(request.method, "PUT");
      EXPECT_EQ(FakeCloud::HeaderOf(request, "If-None-Match"), "*");
      EXPECT_EQ(request.body, "content");
      if (++tries == 1) return absl::UnavailableError("the connection was closed");
      return HttpResponse{.status = status, .headers = {{"x-ms-error-code", error}}};
    };
    const absl::Status created = Store()->CreateIfAbsent("az://data/a", "content");
    EXPECT_TRUE(absl::IsAlreadyExists(created)) << created;
    EXPECT_THAT(std::string(created.message()),
                testing::StartsWith("creating az://data/a: it exists already"));
    EXPECT_EQ(tries, 2);
  }
  for (const auto& [status, error, code] :
       std::vector<std::tuple<int, std::string, absl::StatusCode>>{
           {201, "", absl::StatusCode::kOk},
           {404, "ContainerNotFound", absl::StatusCode::kNotFound},
           {403, "AuthorizationPermissionMismatch", absl::StatusCode::kPermissionDenied},
           {409, "ContainerBeingDeleted", absl::StatusCode::kInternal}}) {
    cloud_.answer = [&](const HttpRequest&) {
      return HttpResponse{.status = status, .headers = {{"x-ms-error-code", error}}};
    };
    EXPECT_EQ(Store()->CreateIfAbsent("az://data/a", "content").code(), code) << error;
  }
}

TEST(AzureAnswersTest, ReadsBlobsAndLeavesFoldersOut) {
  const auto page = ParseAzureListing(
      "<EnumerationResults><Blobs>"
      "<Blob><Name>a b</Name><Properties><Etag>0x1</Etag><Content-Length>7</Content-Length>"
      "</Properties></Blob>"
      "<Blob><Name>d</Name><Properties><Etag>0x2</Etag><Content-Length>0</Content-Length>"
      "<ResourceType>directory</ResourceType></Properties></Blob>"
      "<Blob><Name Encoded=\"true\">x%01</Name><Properties><Etag>\"0x3\"</Etag>"
      "<Content-Length>1</Content-Length></Properties></Blob>"
      "</Blobs><NextMarker>m</NextMarker></EnumerationResults>");
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->keys.size(), 2);
  EXPECT_EQ(page->keys[0].key, "a b");
  EXPECT_EQ(page->keys[1].key, "x\x01");
  EXPECT_EQ(page->keys[1].version, "0x3");
  EXPECT_EQ(page->next_token, "m");
  EXPECT_TRUE(absl::IsUnavailable(ParseAzureListing("<a/>").status()));
}

}  // namespace
}  // namespace millrace
