#include "stores/s3_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "stores/cloud_store.h"
#include "stores/s3_responses.h"
#include "stores/testing/fake_cloud.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kEmpty[] = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";

HttpResponse Refusal(int status, const std::string& code, const std::string& more = "") {
  return {.status = status,
          .body = "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>said</Message>" +
                  more + "</Error>"};
}

class S3ServiceTest : public testing::Test {
 protected:
  std::unique_ptr<ObjectStore> Store(const std::string& endpoint = "") {
    auto keys = std::make_shared<AwsKeySource>(
        NewFixedTokenSource(JoinAwsKeys({"AKID", "very-secret", "session"})), "the test's keys");
    return NewCloudStore(
        NewS3Service({.endpoint = endpoint, .keys = std::move(keys), .service = cloud_.options()}),
        {});
  }

  absl::Status List(const std::string& pattern = "s3://b/data/") {
    const absl::Status status =
        Store()->List(pattern, [](const ObjectInfo&) { return absl::OkStatus(); });
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("very-secret")));
    return status;
  }

  FakeCloud cloud_;
};

TEST_F(S3ServiceTest, SignsRequestsToTheBucketsHost) {
  cloud_.answer = [](const HttpRequest&) { return HttpResponse{.status = 200, .body = kEmpty}; };
  EXPECT_TRUE(absl::IsNotFound(List()));
  ASSERT_EQ(cloud_.requests().size(), 1);
  const HttpRequest request = cloud_.requests()[0];
  EXPECT_EQ(request.url,
            "https://b.s3.us-east-1.amazonaws.com/?list-type=2&max-keys=1000&prefix=data%2F");
  EXPECT_THAT(FakeCloud::HeaderOf(request, "Authorization"),
              HasSubstr("Credential=AKID/20231114/us-east-1/s3/aws4_request"));
  EXPECT_EQ(FakeCloud::HeaderOf(request, "x-amz-content-sha256").size(), 64);
  EXPECT_EQ(FakeCloud::HeaderOf(request, "X-Amz-Security-Token"), "session");
}

TEST_F(S3ServiceTest, BucketsWithDotsAndOtherServersHaveThemInThePath) {
  cloud_.answer = [](const HttpRequest&) { return HttpResponse{.status = 200, .body = kEmpty}; };
  EXPECT_TRUE(absl::IsNotFound(List("s3://a.b/data/")));
  EXPECT_THAT(cloud_.requests().back().url, HasSubstr("https://s3.us-east-1.amazonaws.com/a.b/?"));
  EXPECT_TRUE(Store("http://127.0.0.1:9")->Remove("s3://b/k e/y").ok());
  EXPECT_EQ(cloud_.requests().back().url, "http://127.0.0.1:9/b/k%20e/y");
}

TEST_F(S3ServiceTest, FollowsABucketToItsRegion) {
  cloud_.answer = [](const HttpRequest& request) -> HttpResponse {
    if (request.url.find("eu-west-3") != std::string::npos) return {.status = 200, .body = kEmpty};
    HttpResponse moved = Refusal(301, "PermanentRedirect");
    moved.headers = {{"x-amz-bucket-region", "eu-west-3"}};
    return moved;
  };
  EXPECT_TRUE(absl::IsNotFound(List()));
  EXPECT_THAT(FakeCloud::HeaderOf(cloud_.requests().back(), "Authorization"),
              HasSubstr("/eu-west-3/s3/"));

  cloud_.answer = [](const HttpRequest&) { return Refusal(301, "PermanentRedirect"); };
  const absl::Status lost = List();
  EXPECT_TRUE(absl::IsInvalidArgument(lost)) << lost;
  EXPECT_THAT(std::string(lost.message()), HasSubstr("AWS_REGION"));

  cloud_.answer = [](const HttpRequest& request) -> HttpResponse {
    if (request.url.find("ap-south-1") != std::string::npos) return {.status = 200, .body = kEmpty};
    return Refusal(400, "AuthorizationHeaderMalformed", "<Region>ap-south-1</Region>");
  };
  EXPECT_TRUE(absl::IsNotFound(List()));
}

TEST_F(S3ServiceTest, SignsWithTheServersClockIfOursIsWrong) {
  const absl::Time server = cloud_.clock.Now() + absl::Hours(2);
  cloud_.answer = [&](const HttpRequest& request) -> HttpResponse {
    const std::string date = FakeCloud::HeaderOf(request, "X-Amz-Date");
    if (date == absl::FormatTime("%Y%m%dT%H%M%SZ", server, absl::UTCTimeZone())) {
      return {.status = 200, .body = kEmpty};
    }
    HttpResponse refusal = Refusal(403, "RequestTimeTooSkewed");
    refusal.headers = {FakeCloud::Date(server)};
    return refusal;
  };
  EXPECT_TRUE(absl::IsNotFound(List()));
  EXPECT_EQ(cloud_.requests().size(), 2);
}

TEST_F(S3ServiceTest, ARefusalForTheTimeNamesHowFarOurClockIsOff) {
  // A server that gives the same response to every request.
  cloud_.answer = [&](const HttpRequest&) {
    HttpResponse refusal = Refusal(403, "RequestTimeTooSkewed");
    refusal.headers = {FakeCloud::Date(cloud_.clock.Now() + absl::Minutes(20))};
    return refusal;
  };
  absl::Status status = List();
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr("this machine's clock is off by 20 minutes; correct it (e.g. with NTP) (HTTP 403 "
                "RequestTimeTooSkewed"));
  EXPECT_EQ(cloud_.requests().size(), 2);

  cloud_.answer = [](const HttpRequest&) { return Refusal(403, "RequestTimeTooSkewed"); };
  status = List();
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("this machine's clock is wrong; correct"));
}

TEST_F(S3ServiceTest, RefusalsSayWhatToDo) {
  cloud_.answer = [](const HttpRequest&) { return Refusal(403, "SignatureDoesNotMatch"); };
  absl::Status status = List();
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("the test's keys"));

  cloud_.answer = [](const HttpRequest&) { return Refusal(404, "XAdminUserNotFound"); };
  EXPECT_TRUE(absl::IsUnauthenticated(List()));

  cloud_.answer = [](const HttpRequest&) { return Refusal(403, "AccessDenied"); };
  status = List();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("s3:ListBucket"));

  cloud_.answer = [](const HttpRequest&) { return Refusal(404, "NoSuchBucket"); };
  status = List();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no bucket b"));

  cloud_.answer = [](const HttpRequest&) { return Refusal(400, "ExpiredToken"); };
  status = List();
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("log in again"));
  EXPECT_LT(cloud_.requests().size(), 20);
}

TEST_F(S3ServiceTest, FindsOneObjectByItsHead) {
  cloud_.answer = [](const HttpRequest& request) -> HttpResponse {
    EXPECT_EQ(request.method, "HEAD");
    EXPECT_EQ(request.url, "https://b.s3.us-east-1.amazonaws.com/d/a%20b");
    return {.status = 200, .headers = {{"etag", "\"e1\""}, {"content-length", "12"}}};
  };
  const absl::StatusOr<ObjectInfo> found = Store()->Find("s3://b/d/a b");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->uri, "s3://b/d/a b");
  EXPECT_EQ(found->size, 12);
  EXPECT_EQ(found->version, "e1");

  cloud_.answer = [](const HttpRequest&) { return HttpResponse{.status = 404}; };
  EXPECT_TRUE(absl::IsNotFound(Store()->Find("s3://b/d/a b").status()));
  cloud_.answer = [](const HttpRequest&) -> HttpResponse {
    return {.status = 200,
            .headers = {{"etag", "e"},
                        {"content-length", "0"},
                        {"content-type", "application/x-directory; charset=UTF-8"}}};
  };
  EXPECT_TRUE(absl::IsNotFound(Store()->Find("s3://b/d").status()));
}

// A user who may not list the whole bucket is denied missing objects; and a HEAD response has no
// text.
TEST_F(S3ServiceTest, AListingSaysWhyAHeadWasRefused) {
  std::string listing = kEmpty;
  cloud_.answer = [&](const HttpRequest& request) -> HttpResponse {
    if (request.method == "HEAD") return {.status = 403};
    EXPECT_THAT(request.url, HasSubstr("&prefix=d%2Fa"));
    if (request.url.find("continuation-token=t") != std::string::npos) {
      return {.status = 200,
              .body =
                  "<ListBucketResult><Contents><Key>d/a</Key><Size>3</Size><ETag>e</ETag>"
                  "</Contents></ListBucketResult>"};
    }
    return {.status = 200, .body = listing};
  };
  EXPECT_TRUE(absl::IsNotFound(Store()->Find("s3://b/d/a").status()));
  listing =
      "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t"
      "</NextContinuationToken></ListBucketResult>";
  const absl::StatusOr<ObjectInfo> found = Store()->Find("s3://b/d/a");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->version, "e");
  cloud_.answer = [](const HttpRequest& request) {
    return request.method == "HEAD" ? HttpResponse{.status = 403} : Refusal(403, "AccessDenied");
  };
  const absl::Status denied = Store()->Find("s3://b/d/a").status();
  EXPECT_TRUE(absl::IsPermissionDenied(denied)) << denied;
  EXPECT_THAT(std::string(denied.message()), HasSubstr("s3:ListBucket"));
}

TEST_F(S3ServiceTest, AChangedObjectIsNamed) {
  cloud_.answer = [](const HttpRequest& request) {
    EXPECT_EQ(FakeCloud::HeaderOf(request, "If-Match"), "\"e1\"");
    return Refusal(412, "PreconditionFailed");
  };
  const absl::Status status = Store()->Open({"s3://b/k", 5, "e1"}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("s3://b/k"));
}

TEST_F(S3ServiceTest, AnUploadThatIsNotPutTogetherIsAnErrorAndIsAborted) {
  cloud_.answer = [](const HttpRequest& request) -> HttpResponse {
    if (request.url.ends_with("?uploads=")) {
      return {.status = 200,
              .body =
                  "<InitiateMultipartUploadResult><UploadId>u/1</UploadId>"
                  "</InitiateMultipartUploadResult>"};
    }
    if (request.method == "PUT") return {.status = 200, .headers = {{"etag", "\"p\""}}};
    if (request.method == "POST") {
      HttpResponse refusal = Refusal(200, "InternalError");
      return refusal;
    }
    return {.status = 204};
  };
  const auto store = Store();
  {
    auto writer = store->Create("s3://b/k");
    ASSERT_TRUE(writer.ok());
    EXPECT_TRUE((*writer)->Append(std::string(9 << 20, 'x')).ok());
    const absl::Status status = (*writer)->Finish();
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("s3://b/k"));
  }
  EXPECT_EQ(cloud_.requests().back().method, "DELETE");
  EXPECT_THAT(cloud_.requests().back().url, HasSubstr("?uploadId=u%2F1"));
}

constexpr char kCopied[] =
    "<?xml version=\"1.0\"?>\n \n<CopyObjectResult><ETag>&quot;c1&quot;</ETag></CopyObjectResult>";

HttpResponse Head(uint64_t size) {
  return {.status = 200, .headers = {{"etag", "\"e1\""}, {"content-length", std::to_string(size)}}};
}

TEST_F(S3ServiceTest, MovesByACopyOfTheVersionAndADelete) {
  std::vector<std::string> sent;
  cloud_.answer = [&](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
    sent.push_back(request.method + " " + request.url);
    if (request.method == "HEAD") return Head(5'368'709'120);
    if (request.method == "DELETE") return HttpResponse{.status = 204};
    EXPECT_EQ(FakeCloud::HeaderOf(request, "x-amz-copy-source"), "/b/d/a%20b%2B%C3%A9%3Fv%3D1");
    EXPECT_EQ(FakeCloud::HeaderOf(request, "x-amz-copy-source-if-match"), "\"e1\"");
    EXPECT_THAT(FakeCloud::HeaderOf(request, "Authorization"),
                HasSubstr(";x-amz-copy-source;x-amz-copy-source-if-match;"));
    switch (sent.size()) {
      case 2:
        return Refusal(200, "SlowDown");
      case 3:
        return HttpResponse{.status = 200, .body = "<?xml version=\"1.0\"?>\n  "};
      case 4:
        return absl::UnavailableError("the connection was closed");
      default:
        return HttpResponse{.status = 200, .body = kCopied};
    }
  };
  const absl::Status moved = Store()->Move("s3://b/d/a b+\xc3\xa9?v=1", "s3://b/e/x y");
  EXPECT_TRUE(moved.ok()) << moved;
  const std::string source = " https://b.s3.us-east-1.amazonaws.com/d/a%20b%2B%C3%A9%3Fv%3D1";
  const std::string copy = "PUT https://b.s3.us-east-1.amazonaws.com/e/x%20y";
  EXPECT_THAT(sent,
              testing::ElementsAre("HEAD" + source, copy, copy, copy, copy, "DELETE" + source));
}

TEST_F(S3ServiceTest, ACopyThatFailsKeepsTheSource) {
  HttpResponse response = Refusal(200, "InternalError");
  cloud_.answer = [&](const HttpRequest& request) -> HttpResponse {
    EXPECT_NE(request.method, "DELETE");
    return request.method == "HEAD" ? Head(5) : response;
  };
  absl::Status moved = Store()->Move("s3://b/a", "s3://b/c");
  EXPECT_TRUE(absl::IsUnavailable(moved)) << moved;
  EXPECT_THAT(std::string(moved.message()),
              testing::AllOf(HasSubstr("moving s3://b/a to s3://b/c"), HasSubstr("InternalError")));
  for (const auto& [refusal, code] : std::vector<std::pair<HttpResponse, absl::StatusCode>>{
           {Refusal(403, "AccessDenied"), absl::StatusCode::kPermissionDenied},
           {Refusal(403, "InvalidAccessKeyId"), absl::StatusCode::kUnauthenticated},
           {Refusal(404, "NoSuchBucket"), absl::StatusCode::kNotFound},
           {Refusal(412, "PreconditionFailed"), absl::StatusCode::kFailedPrecondition}}) {
    response = refusal;
    moved = Store()->Move("s3://b/a", "s3://b/c");
    EXPECT_EQ(moved.code(), code) << moved;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(Store()->Move("s3://b/a", "s3://other/a")));
}

TEST_F(S3ServiceTest, ObjectsOverTheLimitOfOneCopyAreCopiedInParts) {
  const std::string part = "<CopyPartResult><ETag>\"p\"</ETag></CopyPartResult>";
  std::vector<std::string> ranges;
  std::string list;
  int completes = 200;
  cloud_.answer = [&](const HttpRequest& request) -> HttpResponse {
    if (request.method == "HEAD") return Head(5'368'709'121);
    if (request.url.ends_with("/c?uploads=")) {
      return {.status = 200,
              .body =
                  "<InitiateMultipartUploadResult><UploadId>u/1</UploadId>"
                  "</InitiateMultipartUploadResult>"};
    }
    if (request.method == "PUT") {
      ranges.push_back(FakeCloud::HeaderOf(request, "x-amz-copy-source-range"));
      EXPECT_EQ(FakeCloud::HeaderOf(request, "x-amz-copy-source"), "/b/a");
      EXPECT_EQ(FakeCloud::HeaderOf(request, "x-amz-copy-source-if-match"), "\"e1\"");
      EXPECT_THAT(request.url, testing::EndsWith("/c?partNumber=" + std::to_string(ranges.size()) +
                                                 "&uploadId=u%2F1"));
      return {.status = 200, .body = part};
    }
    if (request.method == "POST") {
      list = request.body;
      return completes == 200 ? HttpResponse{.status = 200} : Refusal(completes, "NoSuchUpload");
    }
    return {.status = 204};
  };
  absl::Status moved = Store()->Move("s3://b/a", "s3://b/c");
  EXPECT_TRUE(moved.ok()) << moved;
  EXPECT_THAT(ranges,
              testing::ElementsAre("bytes=0-1073741823", "bytes=1073741824-2147483647",
                                   "bytes=2147483648-3221225471", "bytes=3221225472-4294967295",
                                   "bytes=4294967296-5368709119", "bytes=5368709120-5368709120"));
  EXPECT_THAT(list, HasSubstr("<PartNumber>6</PartNumber>"));
  EXPECT_THAT(cloud_.requests().back().url, testing::EndsWith("amazonaws.com/a"));
  EXPECT_EQ(cloud_.requests().back().method, "DELETE");

  // An upload that another process has aborted does not mean that there is no source.
  ranges.clear();
  completes = 404;
  moved = Store()->Move("s3://b/a", "s3://b/c");
  EXPECT_TRUE(absl::IsAborted(moved)) << moved;
  EXPECT_THAT(cloud_.requests().back().url, testing::EndsWith("/c?uploadId=u%2F1"));
}

std::string UploadXml(const std::string& key, const std::string& id) {
  return "<Upload><Key>" + key + "</Key><UploadId>" + id + "</UploadId></Upload>";
}

HttpResponse Uploads(const std::string& content) {
  return {.status = 200,
          .body = "<ListMultipartUploadsResult>" + content + "</ListMultipartUploadsResult>"};
}

TEST_F(S3ServiceTest, FindsUnfinishedUploadsOnAllPagesBeforeItAbortsThem) {
  std::vector<std::string> sent;
  cloud_.answer = [&](const HttpRequest& request) -> HttpResponse {
    sent.push_back(request.method + " " +
                   request.url.substr(request.url.find("amazonaws.com") + 13));
    if (request.method == "DELETE") {
      return sent.size() == 5 ? Refusal(404, "NoSuchUpload") : HttpResponse{.status = 204};
    }
    const std::string truncated = "<IsTruncated>true</IsTruncated>";
    switch (sent.size()) {
      case 1:
        return Uploads(truncated + "<NextKeyMarker>a/x &amp;</NextKeyMarker>" +
                       "<NextUploadIdMarker>1+</NextUploadIdMarker>" +
                       UploadXml("a/x &amp;", "1+"));
      case 2:  // a page may be empty, and end without an id
        return Uploads(truncated + "<NextKeyMarker>a/x &amp;</NextKeyMarker>");
      default:  // some servers ignore the prefix
        return Uploads("<IsTruncated>false</IsTruncated>" + UploadXml("a/kept", "2") +
                       UploadXml("a/x &amp;", "3") + UploadXml("other/x &amp;", "4"));
    }
  };
  std::vector<std::string> names;
  const auto removed = Store()->RemoveUnfinished("s3://b/a/", [&](std::string_view uri) {
    names.emplace_back(uri);
    return uri != "s3://b/a/kept";
  });
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(*removed, 2);
  EXPECT_THAT(names, testing::ElementsAre("s3://b/a/x &", "s3://b/a/kept", "s3://b/a/x &"));
  const std::string list = "GET /?uploads=&prefix=a%2F";
  EXPECT_THAT(sent, testing::ElementsAre(
                        list, list + "&key-marker=a%2Fx%20%26&upload-id-marker=1%2B",
                        list + "&key-marker=a%2Fx%20%26", "DELETE /a/x%20%26?uploadId=1%2B",
                        "DELETE /a/x%20%26?uploadId=3"));
}

TEST_F(S3ServiceTest, ListsOfUploadsThatRepeatThemselvesOrAreDeniedAreErrors) {
  const auto remove = [this] {
    return Store()->RemoveUnfinished("s3://b/a/", [](std::string_view) { return true; }).status();
  };
  cloud_.answer = [](const HttpRequest& request) {
    if (request.method == "DELETE") return HttpResponse{.status = 204};
    return Uploads("<IsTruncated>true</IsTruncated><NextKeyMarker>a/x</NextKeyMarker>" +
                   UploadXml("a/x", "1"));
  };
  absl::Status status = remove();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("unfinished uploads below s3://b/a/"));
  EXPECT_EQ(cloud_.requests().size(), 4);
  EXPECT_EQ(cloud_.requests().back().method, "DELETE");  // what was found is removed

  cloud_.answer = [](const HttpRequest&) { return Refusal(403, "AccessDenied"); };
  status = remove();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("s3:ListBucketMultipartUploads"));
  EXPECT_EQ(cloud_.requests().size(), 5);

  cloud_.answer = [](const HttpRequest& request) {
    return request.method == "DELETE" ? Refusal(403, "AccessDenied")
                                      : Uploads(UploadXml("a/x", "1"));
  };
  status = remove();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(HasSubstr("s3://b/a/x"), HasSubstr("s3:AbortMultipartUpload")));

  cloud_.answer = [](const HttpRequest&) { return Refusal(501, "NotImplemented"); };
  EXPECT_TRUE(absl::IsUnimplemented(remove()));
}

TEST_F(S3ServiceTest, AnObjectThatALostTryCreatedExistsAlready) {
  int tries = 0;
  cloud_.answer = [&](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
    EXPECT_EQ(request.method, "PUT");
    EXPECT_EQ(FakeCloud::HeaderOf(request, "If-None-Match"), "*");
    EXPECT_EQ(request.body, "content");
    if (++tries == 1) return absl::UnavailableError("the connection was closed");
    if (tries == 2) return Refusal(409, "ConditionalRequestConflict");
    return Refusal(412, "PreconditionFailed");
  };
  const absl::Status created = Store()->CreateIfAbsent("s3://b/a", "content");
  EXPECT_TRUE(absl::IsAlreadyExists(created)) << created;
  EXPECT_EQ(created.message(), "creating s3://b/a: it exists already");
  EXPECT_EQ(tries, 3);

  for (const auto& [refusal, code] : std::vector<std::pair<HttpResponse, absl::StatusCode>>{
           {Refusal(403, "AccessDenied"), absl::StatusCode::kPermissionDenied},
           {Refusal(403, "SignatureDoesNotMatch"), absl::StatusCode::kUnauthenticated},
           {Refusal(404, "NoSuchBucket"), absl::StatusCode::kNotFound},
           {Refusal(501, "NotImplemented"), absl::StatusCode::kUnimplemented}}) {
    cloud_.answer = [&](const HttpRequest&) { return refusal; };
    EXPECT_EQ(Store()->CreateIfAbsent("s3://b/a", "content").code(), code);
  }
}

TEST(S3AnswersTest, ReadsKeysAsTheyAre) {
  const auto page = ParseS3Listing(
      "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
      "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
      "<Contents><Key> a&amp;b&#13;c </Key><Size>12</Size><ETag>&quot;e-1&quot;</ETag></Contents>"
      "</ListBucketResult>");
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->keys.size(), 1);
  EXPECT_EQ(page->keys[0].key, " a&b\rc ");
  EXPECT_EQ(page->keys[0].version, "e-1");
  EXPECT_EQ(page->next_token, "t");
  for (const char* broken :
       {"", "<a/>", "<ListBucketResult>", "{}",
        "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>"}) {
    EXPECT_TRUE(absl::IsUnavailable(ParseS3Listing(broken).status())) << broken;
  }
}

TEST(S3AnswersTest, ReadsUploadsOrRefusesTheText) {
  const auto page = ParseS3Uploads(
      "<?xml version=\"1.0\"?><ListMultipartUploadsResult "
      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>b</Bucket><KeyMarker/>"
      "<UploadIdMarker/><NextKeyMarker> c</NextKeyMarker><NextUploadIdMarker>2"
      "</NextUploadIdMarker><IsTruncated>true</IsTruncated>"
      "<Upload><Key> a&lt;b&#10;</Key><UploadId>1</UploadId><Initiator><ID>x</ID></Initiator>"
      "</Upload><Upload><Key> c</Key><UploadId>2</UploadId></Upload>"
      "</ListMultipartUploadsResult>");
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(page->uploads,
              testing::ElementsAre(OpenUpload{" a<b\n", "1"}, OpenUpload{" c", "2"}));
  EXPECT_EQ(page->next, (OpenUpload{" c", "2"}));

  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<Upload>";
  // Entities of the text itself are not expanded.
  const std::string entity =
      "<!DOCTYPE x [<!ENTITY e \"secret\">]>" + Uploads(UploadXml("&e;", "1")).body;
  EXPECT_THAT(ParseS3Uploads(entity)->uploads, testing::ElementsAre(OpenUpload{"&e;", "1"}));
  for (const std::string& broken :
       {std::string(), std::string("{}"), std::string(kEmpty), deep, Uploads(deep).body,
        Uploads("<Upload><Key>a</Key></Upload>").body,
        Uploads("<Upload><UploadId>1</UploadId></Upload>").body,
        Uploads("<Upload><Key><b>a</b></Key><UploadId>1</UploadId></Upload>").body,
        Uploads("<IsTruncated>true</IsTruncated>" + UploadXml("a", "1")).body,
        Uploads(UploadXml("a", "1")).body.substr(0, 70)}) {
    EXPECT_TRUE(absl::IsUnavailable(ParseS3Uploads(broken).status())) << broken.substr(0, 100);
  }
}

}  // namespace
}  // namespace millrace
