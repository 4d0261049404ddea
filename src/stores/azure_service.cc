#include "stores/azure_service.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/url.h"
#include "stores/azure_answers.h"
#include "stores/requester.h"

namespace millrace {
namespace {

constexpr char kVersion[] = "2021-12-02";
// Azure takes requests that are up to 15 minutes old.
constexpr absl::Duration kMostSkew = absl::Minutes(5);

class AzureService : public CloudService, private CloudDialect {
 public:
  explicit AzureService(AzureOptions options)
      : options_(std::move(options)),
        clients_(options_.service.clients),
        retrier_(options_.service.retry, *options_.service.clock),
        requester_(*this, clients_, retrier_, *options_.service.clock) {}

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

  // A bucket is the address of its container.
  absl::StatusOr<ListPage> List(const std::string& bucket, const ListQuery& query,
                                std::stop_token stop) override {
    std::string url = StrCat(bucket, "?restype=container&comp=list&maxresults=", query.most);
    if (!query.prefix.empty()) StrAppend(&url, "&prefix=", UrlEncode(query.prefix));
    if (!query.token.empty()) StrAppend(&url, "&marker=", UrlEncode(query.token));
    ASSIGN_OR_RETURN(const HttpResponse response, Send({.url = url}, std::move(stop)));
    return ParseAzureListing(response.body);
  }
  bool starts_anywhere() const override { return false; }

  absl::Status Check(const std::string& bucket, const ListedKey& object,
                     std::stop_token stop) override {
    return Send({.method = "HEAD",
                 .url = BlobUrl(bucket, object.key),
                 .headers = {{"If-Match", Quoted(object.version)}}},
                std::move(stop))
        .status();
  }

  absl::Status Read(const std::string& bucket, const ListedKey& object, uint64_t offset,
                    absl::Span<char> to, std::stop_token stop) override {
    const PinnedRead read{.write =
                              [&](uint64_t from, uint64_t size) {
                                return HttpRequest{
                                    .url = BlobUrl(bucket, object.key),
                                    .headers = {{"x-ms-version", kVersion},
                                                {"Range", RangeHeader(from, size)},
                                                {"If-Match", Quoted(object.version)}}};
                              },
                          .version_header = "etag",
                          .version = object.version};
    return ReadPinned(requester_, read, offset, to, std::move(stop));
  }

  absl::Status Put(const std::string& bucket, const std::string& key, std::string_view bytes,
                   std::stop_token stop) override {
    return Send({.method = "PUT",
                 .url = BlobUrl(bucket, key),
                 .headers = {{"x-ms-blob-type", "BlockBlob"}},
                 .body = bytes,
                 .timeout = absl::ZeroDuration()},
                std::move(stop))
        .status();
  }

  absl::StatusOr<std::unique_ptr<Upload>> StartUpload(const std::string& bucket,
                                                      const std::string& key,
                                                      std::stop_token stop) override;

  absl::Status Remove(const std::string& bucket, const std::string& key,
                      std::stop_token stop) override {
    const absl::Status status = Send({.method = "DELETE",
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
  // Azurite and Azure take ETags with quotes.
  static std::string Quoted(const std::string& etag) { return StrCat("\"", etag, "\""); }

  // Of the account that `host` ("name.dfs.core.windows.net", may be empty) names.
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

  absl::StatusOr<HttpResponse> Send(HttpRequest request, std::stop_token stop) {
    request.headers.emplace_back("x-ms-version", kVersion);
    return requester_.Send({.write = [&request] { return request; }}, std::move(stop));
  }

  // CloudDialect:
  absl::Status Authorize(HttpRequest& request, std::stop_token stop) override {
    absl::Time now = options_.service.clock->Now();
    {
      absl::MutexLock lock(&mutex_);
      now += clock_offset_;
    }
    return options_.credentials.Authorize(request, now, std::move(stop));
  }
  Refusal Understand(const HttpRequest& request, const HttpResponse& response) override;
  Refusal Denied(const HttpRequest& request, const HttpResponse& response, const CloudError& error);
  bool LearnTime(const HttpResponse& response);

  const AzureOptions options_;
  ClientPool clients_;
  Retrier retrier_;
  Requester requester_;
  absl::Mutex mutex_;
  absl::Duration clock_offset_ ABSL_GUARDED_BY(mutex_);  // the server's time less ours
  std::string refused_ ABSL_GUARDED_BY(mutex_);          // the last token that was refused
};

Refusal AzureService::Understand(const HttpRequest& request, const HttpResponse& response) {
  const CloudError error = ParseAzureError(response);
  if (IsTransient(error.http_status)) {
    return {CloudStatus(absl::StatusCode::kUnavailable, "", error), Refusal::Cure::kWait};
  }
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
    case 412:
      return {CloudStatus(absl::StatusCode::kFailedPrecondition,
                          "it was replaced since it was listed", error)};
    default:
      return {CloudStatus(CodeOfHttp(error.http_status), "", error)};
  }
}

Refusal AzureService::Denied(const HttpRequest& request, const HttpResponse& response,
                             const CloudError& error) {
  // Azurite has the code of a denied operation for a wrong key too; its message tells.
  const bool of_identity = error.http_status == 401 || error.code == "AuthenticationFailed" ||
                           error.code == "InvalidAuthenticationInfo" ||
                           error.message.starts_with("Server failed to authenticate");
  // The refusal of a wrong clock is that of a wrong key: the Date alone tells them apart.
  if (of_identity && LearnTime(response)) {
    return {CloudStatus(absl::StatusCode::kUnauthenticated, "", error), Refusal::Cure::kNow};
  }
  if (of_identity) {
    const absl::Status status = CloudStatus(
        absl::StatusCode::kUnauthenticated,
        StrCat("Azure does not take these credentials: check ", options_.credentials.description),
        error);
    if (options_.credentials.tokens == nullptr) return {status};
    for (const auto& [name, value] : request.headers) {
      if (name != "Authorization") continue;
      const std::string token = value.substr(std::string_view("Bearer ").size());
      options_.credentials.tokens->Forget({.value = token});
      absl::MutexLock lock(&mutex_);
      const bool again = std::exchange(refused_, token) != token;
      return {status, again ? Refusal::Cure::kNow : Refusal::Cure::kNone};
    }
    return {status};
  }
  return {CloudStatus(absl::StatusCode::kPermissionDenied,
                      "access denied: reading takes the role Storage Blob Data Reader (or a SAS "
                      "with read and list), writing Storage Blob Data Contributor",
                      error)};
}

bool AzureService::LearnTime(const HttpResponse& response) {
  const std::optional<absl::Time> date = response.Date();
  if (!date.has_value()) return false;
  const absl::Duration offset = *date - options_.service.clock->Now();
  absl::MutexLock lock(&mutex_);
  if (absl::AbsDuration(offset - clock_offset_) < kMostSkew) return false;
  clock_offset_ = offset;
  Log(Severity::kWarning, "this machine's clock is wrong; requests carry the server's time",
      {{"off_by", absl::FormatDuration(absl::Trunc(-offset, absl::Seconds(1)))}});
  return true;
}

// Blocks that a list makes a blob; without one they vanish in a week.
class AzureService::BlockUpload : public Upload {
 public:
  BlockUpload(AzureService& service, std::string url, std::stop_token stop)
      : service_(service), url_(std::move(url)), stop_(std::move(stop)) {}

  absl::Status AddPart(std::string_view bytes) override {
    // Of one length, as Azure wants them.
    const std::string id = absl::Base64Escape(absl::StrFormat("%08d", ids_.size()));
    RETURN_IF_ERROR(service_
                        .Send({.method = "PUT",
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
    return service_
        .Send({.method = "PUT",
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
