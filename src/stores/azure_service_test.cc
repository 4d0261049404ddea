#include "stores/azure_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
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
