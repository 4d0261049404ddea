#include "stores/azure_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/server_clock.h"
#include "net/url.h"
#include "stores/azure_responses.h"
#include "stores/refused_token.h"
#include "stores/requester.h"

namespace millrace {
namespace {

constexpr char kVersion[] = "2021-12-02";
constexpr absl::Duration kMaxCopyTime = absl::Hours(1);

class AzureService : public CloudService, private CloudProtocol {
 public:
  explicit AzureService(AzureOptions options)
      : options_(std::move(options)),
        clients_(options_.service.clients),
        retrier_(options_.service.retry, *options_.service.clock),
        requester_(*this, clients_, retrier_, *options_.service.clock),
        server_clock_(*options_.service.clock, "Azure Blob Storage") {}

  absl::StatusOr<CloudUri> Parse(std::string_view uri) const override {
    UriParts parts;
    RETURN_IF_ERROR(SplitCloudUri(
        uri, "az://CONTAINER/BLOB or abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/BLOB", parts));
    const size_t at = parts.bucket.find('@');
    const std::string_view container = parts.bucket.substr(0, at);
    const std::string_view host = at == std::string_view::npos ? "" : parts.bucket.substr(at + 1);
    ASSIGN_OR_RETURN(const std::string endpoint, EndpointFor(uri, host));
    std::string root(parts.root);
    if (!root.ends_with('/')) root += '/';
    return CloudUri{std::move(root), StrCat(endpoint, "/", container), std::string(parts.key)};
  }

  // The bucket is the address of the container.
  absl::StatusOr<ListPage> List(const std::string& bucket, const ListQuery& query,
                                std::stop_token stop) override {
    std::string url = StrCat(bucket, "?restype=container&comp=list&maxresults=", query.max);
    if (!query.prefix.empty()) StrAppend(&url, "&prefix=", UrlEncode(query.prefix));
    if (!query.token.empty()) StrAppend(&url, "&marker=", UrlEncode(query.token));
    ASSIGN_OR_RETURN(const HttpResponse response,
                     requester_.Send(HttpRequest{.url = url}, std::move(stop)));
    return ParseAzureListing(response.body);
  }
  bool starts_anywhere() const override { return false; }

  absl::StatusOr<ListedKey> Stat(const std::string& bucket, const std::string& key,
                                 std::stop_token stop) override {
    ASSIGN_OR_RETURN(const HttpResponse head,
                     requester_.Send(HttpRequest{.method = "HEAD", .url = BlobUrl(bucket, key)},
                                     std::move(stop)));
    // Folders of a hierarchical namespace, and those that Hadoop makes in a flat one.
    if (head.header("x-ms-resource-type") == "directory" ||
        head.header("x-ms-meta-hdi_isfolder") == "true") {
      return absl::NotFoundError("it is a folder");
    }
    return DescribedByHead(key, head);
  }

  absl::Status Check(const std::string& bucket, const ListedKey& object,
                     std::stop_token stop) override {
    return requester_
        .Send(HttpRequest{.method = "HEAD",
                          .url = BlobUrl(bucket, object.key),
                          .headers = {{"If-Match", QuotedEtag(object.version)}}},
              std::move(stop))
        .status();
  }

  absl::Status Read(const std::string& bucket, const ListedKey& object, uint64_t offset,
                    absl::Span<char> to, std::stop_token stop) override {
    const auto url = [&] { return BlobUrl(bucket, object.key); };
    return ReadPinned(requester_, ReadOfEtag(url, object.version), offset, to, std::move(stop));
  }

  absl::Status Put(const std::string& bucket, const std::string& key, std::string_view bytes,
                   std::stop_token stop) override {
    return requester_.Send(PutRequest(bucket, key, bytes), std::move(stop)).status();
  }

  absl::Status PutIfAbsent(const std::string& bucket, const std::string& key,
                           std::string_view bytes, std::stop_token stop) override {
    const auto write = [&] {
      HttpRequest request = PutRequest(bucket, key, bytes);
      request.headers.emplace_back("If-None-Match", "*");
      return request;
    };
    return requester_.SendIfAbsent(write, std::move(stop));
  }

  // Within an account the response usually reports the copy as complete. If it is pending, the new
  // blob exists but is empty until then.
  absl::Status Copy(const std::string& bucket, const ListedKey& from, const std::string& to,
                    std::stop_token stop) override;

  absl::StatusOr<std::unique_ptr<Upload>> StartUpload(const std::string& bucket,
                                                      const std::string& key,
                                                      std::stop_token stop) override;

  absl::Status Remove(const std::string& bucket, const std::string& key,
                      std::stop_token stop) override {
    const absl::Status status =
        requester_
            .Send(HttpRequest{.method = "DELETE",
                              .url = BlobUrl(bucket, key),
                              .headers = {{"x-ms-delete-snapshots", "include"}}},
                  std::move(stop))
            .status();
    return absl::IsNotFound(status) ? absl::OkStatus() : status;
  }

 private:
  class BlockUpload;

  static std::string BlobUrl(const std::string& bucket, const std::string& key) {
    return StrCat(bucket, "/", EncodeKey(key));
  }

  // For the account in `host` ("name.dfs.core.windows.net", may be empty).
  absl::StatusOr<std::string> EndpointFor(std::string_view uri, std::string_view host) const {
    const AzureCredentials& mine = options_.credentials;
    const std::string account(host.empty() ? std::string_view(mine.account)
                                           : host.substr(0, host.find('.')));
    if (account.empty() && mine.endpoint.empty()) {
      return absl::InvalidArgumentError(
          StrCat("'", uri,
                 "' names no account: set AZURE_STORAGE_ACCOUNT or "
                 "AZURE_STORAGE_CONNECTION_STRING, or write "
                 "abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/BLOB"));
    }
    if (mine.account.empty() || mine.account == account) {
      if (!mine.endpoint.empty()) return mine.endpoint;
    } else if (mine.tokens == nullptr) {
      return absl::InvalidArgumentError(StrCat("'", uri, "' is of the account ", account, ", but ",
                                               mine.description, " is for ", mine.account));
    }
    std::string domain = ".blob.core.windows.net";
    if (const size_t dfs = host.find(".dfs."); dfs != std::string_view::npos) {
      domain = StrCat(".blob.", host.substr(dfs + 5));
    }
    return StrCat("https://", account, domain);
  }

  static HttpRequest PutRequest(const std::string& bucket, const std::string& key,
                                std::string_view bytes) {
    return {.method = "PUT",
            .url = BlobUrl(bucket, key),
            .headers = {{"x-ms-blob-type", "BlockBlob"}},
            .body = bytes,
            .timeout = absl::ZeroDuration()};
  }

  absl::StatusOr<HttpResponse> AwaitCopy(const std::string& url, HttpResponse response,
                                         std::stop_token stop);

  // CloudProtocol:
  absl::Status Authorize(HttpRequest& request, std::stop_token stop) override {
    request.headers.emplace_back("x-ms-version", kVersion);
    return options_.credentials.Authorize(request, server_clock_.Now(), std::move(stop));
  }
  Refusal ClassifyError(const HttpRequest& request, const HttpResponse& response) override;
  Refusal Denied(const HttpRequest& request, const HttpResponse& response, const CloudError& error);

  const AzureOptions options_;
  ClientPool clients_;
  Retrier retrier_;
  Requester requester_;
  ServerClock server_clock_;
  RefusedToken refused_token_;
};

Refusal AzureService::ClassifyError(const HttpRequest& request, const HttpResponse& response) {
  const CloudError error = ParseAzureError(response);
  switch (error.http_status) {
    case 401:
    case 403:
      return Denied(request, response, error);
    case 404:
      return {CloudStatus(absl::StatusCode::kNotFound,
                          error.code == "ContainerNotFound"
                              ? "there is no such container: check its name and the account"
                              : "no such blob",
                          error)};
    case 409:
      if (error.code == "BlobAlreadyExists") {
        return {CloudStatus(absl::StatusCode::kAlreadyExists, "it exists already", error)};
      }
      // Of an earlier try; it may end soon.
      if (error.code == "PendingCopyOperation") {
        return {CloudStatus(absl::StatusCode::kUnavailable, "", error),
                Refusal::RetryAdvice::kWait};
      }
      return CommonRefusal(error);
    default:
      return CommonRefusal(error);
  }
}

Refusal AzureService::Denied(const HttpRequest& request, const HttpResponse& response,
                             const CloudError& error) {
  // Azurite uses the code of a denied operation for a wrong key, too; only its message differs.
  const bool of_identity = error.http_status == 401 || error.code == "AuthenticationFailed" ||
                           error.code == "InvalidAuthenticationInfo" ||
                           error.message.starts_with("Server failed to authenticate");
  // A wrong clock gives the same error as a wrong key: only the Date distinguishes them.
  if (of_identity && server_clock_.Learn(response)) {
    return {CloudStatus(absl::StatusCode::kUnauthenticated,
                        ClockHint(response, options_.service.clock->Now()), error),
            Refusal::RetryAdvice::kNow};
  }
  if (of_identity) {
    const absl::Status status = CloudStatus(
        absl::StatusCode::kUnauthenticated,
        StrCat("Azure rejected these credentials: check ", options_.credentials.description),
        error);
    if (options_.credentials.tokens == nullptr) return {status};
    return {status, refused_token_.Renew(request, *options_.credentials.tokens)};
  }
  return {CloudStatus(absl::StatusCode::kPermissionDenied,
                      "access denied: reading takes the role Storage Blob Data Reader (or a SAS "
                      "with read and list), writing Storage Blob Data Contributor",
                      error)};
}

absl::Status AzureService::Copy(const std::string& bucket, const ListedKey& from,
                                const std::string& to, std::stop_token stop) {
  // A SAS is valid only for the address to which it is added.
  const std::string& sas = options_.credentials.sas;
  const std::string url = BlobUrl(bucket, to);
  const HttpRequest request{.method = "PUT",
                            .url = url,
                            .headers = {{"x-ms-copy-source", StrCat(BlobUrl(bucket, from.key),
                                                                    sas.empty() ? "" : "?", sas)},
                                        {"x-ms-source-if-match", QuotedEtag(from.version)}}};
  ASSIGN_OR_RETURN(HttpResponse started, requester_.Send(request, stop));
  ASSIGN_OR_RETURN(const HttpResponse ended, AwaitCopy(url, std::move(started), stop));
  const std::string_view status = ended.header("x-ms-copy-status");
  if (status == "success") return absl::OkStatus();
  if (status == "failed" || status == "aborted") {
    // The empty blob that a failed copy leaves must not be mistaken for the object.
    requester_.SendOnce({.method = "DELETE",
                         .url = url,
                         .headers = {{"If-Match", std::string(ended.header("etag"))}}},
                        stop);
  }
  return absl::UnavailableError(StrCat("the server reports the copy as '", status, "' ",
                                       ended.header("x-ms-copy-status-description")));
}

// The response that says how the copy to `url` ended, which began with `response`.
absl::StatusOr<HttpResponse> AzureService::AwaitCopy(const std::string& url, HttpResponse response,
                                                     std::stop_token stop) {
  Clock& clock = *options_.service.clock;
  const absl::Duration begun = clock.Elapsed();
  const std::string id(response.header("x-ms-copy-id"));
  absl::Duration wait = absl::Milliseconds(100);
  while (response.header("x-ms-copy-status") == "pending") {
    if (clock.Elapsed() - begun > kMaxCopyTime) {
      return absl::UnavailableError(
          StrCat("the copy was not complete after ", absl::FormatDuration(kMaxCopyTime)));
    }
    if (!clock.SleepFor(wait, stop)) return StopRequested();
    wait = std::min(2 * wait, absl::Seconds(10));
    absl::StatusOr<HttpResponse> head =
        requester_.Send(HttpRequest{.method = "HEAD", .url = url}, stop);
    if (absl::IsNotFound(head.status()) || (head.ok() && head->header("x-ms-copy-id") != id)) {
      return absl::AbortedError("another writer replaced or removed the copy");
    }
    RETURN_IF_ERROR(head.status());
    response = *std::move(head);
  }
  return response;
}

// Blocks that a block list turns into a blob; without one they are deleted after a week.
class AzureService::BlockUpload : public Upload {
 public:
  BlockUpload(AzureService& service, std::string url, std::stop_token stop)
      : service_(service), url_(std::move(url)), stop_(std::move(stop)) {}

  absl::Status AddPart(std::string_view bytes) override {
    // All of one length, as Azure requires.
    const std::string id = absl::Base64Escape(absl::StrFormat("%08d", ids_.size()));
    RETURN_IF_ERROR(
        service_.requester_
            .Send(HttpRequest{.method = "PUT",
                              .url = StrCat(url_, "?comp=block&blockid=", UrlEncode(id)),
                              .body = bytes,
                              .timeout = absl::ZeroDuration()},
                  stop_)
            .status());
    ids_.push_back(id);
    return absl::OkStatus();
  }

  absl::Status Complete(std::string_view bytes) override {
    RETURN_IF_ERROR(AddPart(bytes));
    const std::string body = AzureBlockList(ids_);
    return service_.requester_
        .Send(HttpRequest{.method = "PUT",
                          .url = StrCat(url_, "?comp=blocklist"),
                          .headers = {{"Content-Type", "application/xml"}},
                          .body = body},
              stop_)
        .status();
  }

  void Abandon() override {}

 private:
  AzureService& service_;
  const std::string url_;
  const std::stop_token stop_;
  std::vector<std::string> ids_;
};

absl::StatusOr<std::unique_ptr<Upload>> AzureService::StartUpload(const std::string& bucket,
                                                                  const std::string& key,
                                                                  std::stop_token stop) {
  return std::make_unique<BlockUpload>(*this, BlobUrl(bucket, key), std::move(stop));
}

}  // namespace

std::shared_ptr<CloudService> NewAzureService(AzureOptions options) {
  return std::make_shared<AzureService>(std::move(options));
}

}  // namespace millrace
