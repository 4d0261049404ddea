#include "stores/gcs_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/server_clock.h"
#include "net/url.h"
#include "stores/gcs_responses.h"
#include "stores/refused_token.h"
#include "stores/requester.h"

namespace millrace {
namespace {

constexpr int kResumeIncomplete = 308;  // the response to every part except the last

class GcsService : public CloudService, private CloudProtocol {
 public:
  explicit GcsService(GcsOptions options)
      : options_(std::move(options)),
        clients_(options_.service.clients),
        retrier_(options_.service.retry, *options_.service.clock),
        requester_(*this, clients_, retrier_, *options_.service.clock) {}

  absl::StatusOr<CloudUri> Parse(std::string_view uri) const override {
    UriParts parts;
    RETURN_IF_ERROR(SplitCloudUri(uri, "gs://BUCKET/OBJECT", parts));
    return CloudUri{StrCat("gs://", parts.bucket, "/"), std::string(parts.bucket),
                    std::string(parts.key)};
  }

  absl::StatusOr<ListPage> List(const std::string& bucket, const ListQuery& query,
                                std::stop_token stop) override {
    std::string url = StrCat(BucketUrl(bucket), "?prettyPrint=false&maxResults=", query.max,
                             "&fields=items(name,generation,size),nextPageToken");
    if (!query.prefix.empty()) StrAppend(&url, "&prefix=", UrlEncode(query.prefix));
    if (!query.start.empty()) StrAppend(&url, "&startOffset=", UrlEncode(query.start));
    if (!query.token.empty()) StrAppend(&url, "&pageToken=", UrlEncode(query.token));
    ASSIGN_OR_RETURN(const HttpResponse response,
                     requester_.Send(HttpRequest{.url = url}, std::move(stop)));
    return ParseGcsListing(response.body);
  }

  absl::StatusOr<ListedKey> Stat(const std::string& bucket, const std::string& key,
                                 std::stop_token stop) override {
    const std::string url =
        StrCat(ObjectUrl(bucket, key), "?prettyPrint=false&fields=name,generation,size");
    ASSIGN_OR_RETURN(const HttpResponse response,
                     requester_.Send(HttpRequest{.url = url}, std::move(stop)));
    ASSIGN_OR_RETURN(ListedKey object, ParseGcsObject(response.body));
    if (object.key != key) {
      return absl::UnavailableError("the server responded with another object");
    }
    return object;
  }

  absl::Status Check(const std::string& bucket, const ListedKey& object,
                     std::stop_token stop) override {
    const std::string url =
        StrCat(ObjectUrl(bucket, object.key), "?fields=generation&generation=", object.version);
    return requester_.Send(HttpRequest{.url = url}, std::move(stop)).status();
  }

  absl::Status Read(const std::string& bucket, const ListedKey& object, uint64_t offset,
                    absl::Span<char> to, std::stop_token stop) override {
    const std::string url =
        StrCat(ObjectUrl(bucket, object.key), "?alt=media&generation=", object.version);
    const PinnedRead read{.write =
                              [&url](uint64_t from, uint64_t size) {
                                // Without Accept-Encoding the server decompresses objects stored as
                                // gzip and then ignores ranges.
                                return HttpRequest{.url = url,
                                                   .headers = {{"Range", RangeHeader(from, size)},
                                                               {"Accept-Encoding", "gzip"}}};
                              },
                          .version_header = "x-goog-generation",
                          .version = object.version};
    return ReadPinned(requester_, read, offset, to, std::move(stop));
  }

  absl::Status Put(const std::string& bucket, const std::string& key, std::string_view bytes,
                   std::stop_token stop) override {
    return requester_.Send(InsertRequest(bucket, key, bytes), std::move(stop)).status();
  }

  absl::Status PutIfAbsent(const std::string& bucket, const std::string& key,
                           std::string_view bytes, std::stop_token stop) override {
    const auto write = [&] {
      HttpRequest request = InsertRequest(bucket, key, bytes);
      request.url += "&ifGenerationMatch=0";
      return request;
    };
    return requester_.SendIfAbsent(write, std::move(stop));
  }

  // Large objects take several calls, each of which continues the copy of the one before.
  absl::Status Copy(const std::string& bucket, const ListedKey& from, const std::string& to,
                    std::stop_token stop) override {
    const std::string url = StrCat(
        ObjectUrl(bucket, from.key), "/rewriteTo/b/", UrlEncode(bucket), "/o/", UrlEncode(to),
        "?prettyPrint=false&fields=done,rewriteToken&ifSourceGenerationMatch=", from.version);
    HttpRequest request{.method = "POST", .url = url};
    for (;;) {
      ASSIGN_OR_RETURN(const HttpResponse response, requester_.Send(request, stop));
      ASSIGN_OR_RETURN(const GcsRewrite rewrite, ParseGcsRewrite(response.body));
      if (rewrite.done) return absl::OkStatus();
      request.url = StrCat(url, "&rewriteToken=", UrlEncode(rewrite.token));
    }
  }

  absl::StatusOr<std::unique_ptr<Upload>> StartUpload(const std::string& bucket,
                                                      const std::string& key,
                                                      std::stop_token stop) override;

  absl::Status Remove(const std::string& bucket, const std::string& key,
                      std::stop_token stop) override {
    const Requester::Call call{
        .write =
            [url = ObjectUrl(bucket, key)] { return HttpRequest{.method = "DELETE", .url = url}; },
        .accepts = [](int status) { return status == 404; }};
    return requester_.Send(call, std::move(stop)).status();
  }

 private:
  class ResumableUpload;

  std::string BucketUrl(const std::string& bucket) const {
    return StrCat(options_.endpoint, "/storage/v1/b/", UrlEncode(bucket), "/o");
  }
  std::string ObjectUrl(const std::string& bucket, const std::string& key) const {
    return StrCat(BucketUrl(bucket), "/", UrlEncode(key));
  }
  std::string UploadUrl(const std::string& bucket) const {
    return StrCat(options_.endpoint, "/upload/storage/v1/b/", UrlEncode(bucket), "/o");
  }

  HttpRequest InsertRequest(const std::string& bucket, const std::string& key,
                            std::string_view bytes) const {
    return {.method = "POST",
            .url = StrCat(UploadUrl(bucket),
                          "?uploadType=media&fields=generation&name=", UrlEncode(key)),
            .headers = {{"Content-Type", "application/octet-stream"}},
            .body = bytes,
            .timeout = absl::ZeroDuration()};
  }

  // CloudProtocol:
  absl::Status Authorize(HttpRequest& request, std::stop_token stop) override {
    return options_.credentials.Authorize(request, std::move(stop));
  }

  Refusal ClassifyError(const HttpRequest& request, const HttpResponse& response) override;

  const GcsOptions options_;
  ClientPool clients_;
  Retrier retrier_;
  Requester requester_;
  RefusedToken refused_token_;
};

Refusal GcsService::ClassifyError(const HttpRequest& request, const HttpResponse& response) {
  const CloudError error = ParseGcsError(response);
  if (error.code == "rateLimitExceeded" || error.code == "userRateLimitExceeded") {
    return {CloudStatus(absl::StatusCode::kUnavailable, "", error), Refusal::RetryAdvice::kWait};
  }
  switch (error.http_status) {
    case 401: {
      // If the clock is wrong, tokens signed here are refused in the same way as for a wrong key.
      const std::string hint = ClockHint(response, options_.service.clock->Now());
      const absl::Status status =
          CloudStatus(absl::StatusCode::kUnauthenticated,
                      StrCat(hint, hint.empty() ? "" : "; ", "Google rejected these credentials (",
                             options_.credentials.description,
                             "): check GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth "
                             "application-default login`"),
                      error);
      return {status, refused_token_.Renew(request, *options_.credentials.tokens)};
    }
    case 403:
      return {CloudStatus(absl::StatusCode::kPermissionDenied,
                          "access denied: reading takes storage.objects.list and "
                          "storage.objects.get (role Storage Object Viewer) on the bucket, writing "
                          "Storage Object User",
                          error)};
    case 404:
      return {CloudStatus(absl::StatusCode::kNotFound,
                          "no such bucket or object: check the name, and the project of the "
                          "credentials",
                          error)};
    default:
      return CommonRefusal(error);
  }
}

// Parts are sent one after another to the address of a session.
class GcsService::ResumableUpload : public Upload {
 public:
  ResumableUpload(GcsService& service, std::string session, std::stop_token stop)
      : service_(service), session_(std::move(session)), stop_(std::move(stop)) {}

  absl::Status AddPart(std::string_view bytes) override {
    while (!bytes.empty()) {
      ASSIGN_OR_RETURN(const HttpResponse response,
                       SendPart(bytes, StrCat(sent_, "-", sent_ + bytes.size() - 1, "/*")));
      if (response.status != kResumeIncomplete) {
        return absl::AbortedError("another process finished the upload");
      }
      const uint64_t kept = Kept(response);
      if (kept <= sent_ || kept > sent_ + bytes.size()) {
        return absl::UnavailableError("the upload session lost data that was sent");
      }
      bytes.remove_prefix(static_cast<size_t>(kept - sent_));
      sent_ = kept;
    }
    return absl::OkStatus();
  }

  absl::Status Complete(std::string_view bytes) override {
    const uint64_t total = sent_ + bytes.size();
    ASSIGN_OR_RETURN(const HttpResponse response,
                     SendPart(bytes, StrCat(sent_, "-", total - 1, "/", total)));
    if (response.status == kResumeIncomplete) {
      return absl::UnavailableError("the upload session did not accept its last part");
    }
    return absl::OkStatus();
  }

  void Abandon() override {
    service_.requester_.SendOnce({.method = "DELETE", .url = session_}, stop_);
  }

 private:
  // A part that is sent again is stored once: the session skips bytes that it already has.
  absl::StatusOr<HttpResponse> SendPart(std::string_view bytes, const std::string& range) {
    const Requester::Call call{.write =
                                   [&] {
                                     return HttpRequest{
                                         .method = "PUT",
                                         .url = session_,
                                         .headers = {{"Content-Range", StrCat("bytes ", range)}},
                                         .body = bytes,
                                         .timeout = absl::ZeroDuration()};
                                   },
                               .accepts = [](int status) { return status == kResumeIncomplete; }};
    return service_.requester_.Send(call, stop_);
  }

  // The bytes that the session has, from "Range: bytes=0-8388607".
  static uint64_t Kept(const HttpResponse& response) {
    const std::string_view range = response.header("range");
    uint64_t last = 0;
    if (!absl::SimpleAtoi(ToAbsl(range.substr(std::min(range.find('-') + 1, range.size()))),
                          &last)) {
      return 0;
    }
    return last + 1;
  }

  GcsService& service_;
  const std::string session_;
  const std::stop_token stop_;
  uint64_t sent_ = 0;
};

absl::StatusOr<std::unique_ptr<Upload>> GcsService::StartUpload(const std::string& bucket,
                                                                const std::string& key,
                                                                std::stop_token stop) {
  const HttpRequest request{
      .method = "POST",
      .url = StrCat(UploadUrl(bucket), "?uploadType=resumable&name=", UrlEncode(key)),
      .headers = {{"Content-Type", "application/json"}},
      .body = "{}"};
  ASSIGN_OR_RETURN(const HttpResponse response, requester_.Send(request, stop));
  std::string session(response.header("location"));
  if (session.empty()) return absl::InternalError("the server did not start an upload session");
  return std::make_unique<ResumableUpload>(*this, std::move(session), std::move(stop));
}

}  // namespace

std::shared_ptr<CloudService> NewGcsService(GcsOptions options) {
  return std::make_shared<GcsService>(std::move(options));
}

}  // namespace millrace
