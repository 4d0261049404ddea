#include "stores/s3_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/url.h"
#include "stores/requester.h"
#include "stores/s3_bucket.h"
#include "stores/s3_responses.h"

namespace millrace {
namespace {

// CopyObject copies at most this many bytes; larger objects are copied in parts.
constexpr uint64_t kMaxCopyBytes = uint64_t{5} << 30;
constexpr uint64_t kCopyPartBytes = uint64_t{1} << 30;
constexpr uint64_t kMaxParts = 10'000;

// '/', then U+10FFFF: after every key of a folder.
std::string JustBefore(std::string start) {
  --start.back();
  return start + "\xf4\x8f\xbf\xbf";
}

class S3Service : public CloudService {
 public:
  explicit S3Service(S3Options options)
      : options_(std::move(options)),
        clients_(options_.service.clients),
        retrier_(options_.service.retry, *options_.service.clock) {}

  absl::StatusOr<CloudUri> Parse(std::string_view uri) const override {
    UriParts parts;
    RETURN_IF_ERROR(SplitCloudUri(uri, "s3://BUCKET/OBJECT", parts));
    return CloudUri{StrCat("s3://", parts.bucket, "/"), std::string(parts.bucket),
                    std::string(parts.key)};
  }

  absl::StatusOr<ListPage> List(const std::string& bucket, const ListQuery& query,
                                std::stop_token stop) override {
    std::string tail = StrCat("?list-type=2&max-keys=", query.max);
    if (!query.prefix.empty()) StrAppend(&tail, "&prefix=", UrlEncode(query.prefix));
    if (!query.token.empty()) {
      StrAppend(&tail, "&continuation-token=", UrlEncode(query.token));
    } else if (!query.start.empty()) {
      StrAppend(&tail, "&start-after=", UrlEncode(JustBefore(query.start)));
    }
    ASSIGN_OR_RETURN(
        const HttpResponse response,
        Send(
            bucket, "", [&](HttpRequest& request) { request.url += tail; }, std::move(stop)));
    return ParseS3Listing(response.body);
  }

  absl::StatusOr<ListedKey> Stat(const std::string& bucket, const std::string& key,
                                 std::stop_token stop) override {
    const auto write = [](HttpRequest& request) { request.method = "HEAD"; };
    ASSIGN_OR_RETURN(const HttpResponse head, Send(bucket, key, write, std::move(stop)));
    ASSIGN_OR_RETURN(ListedKey object, DescribedByHead(key, head));
    if (object.size == 0 && head.header("content-type").starts_with("application/x-directory")) {
      return absl::NotFoundError("it is the marker of a folder");
    }
    return object;
  }

  absl::Status Check(const std::string& bucket, const ListedKey& object,
                     std::stop_token stop) override {
    const auto write = [&](HttpRequest& request) {
      request.method = "HEAD";
      request.headers = {{"If-Match", QuotedEtag(object.version)}};
    };
    return Send(bucket, object.key, write, std::move(stop)).status();
  }

  absl::Status Read(const std::string& bucket, const ListedKey& object, uint64_t offset,
                    absl::Span<char> to, std::stop_token stop) override {
    Bucket& in = Get(bucket);
    const auto url = [&] { return in.dialect.Url(object.key); };
    return ReadPinned(in.requester, ReadOfEtag(url, object.version), offset, to, std::move(stop));
  }

  absl::Status Put(const std::string& bucket, const std::string& key, std::string_view bytes,
                   std::stop_token stop) override {
    const auto write = [bytes](HttpRequest& request) {
      request.method = "PUT";
      request.body = bytes;
      request.timeout = absl::ZeroDuration();
    };
    return Send(bucket, key, write, std::move(stop)).status();
  }

  absl::Status PutIfAbsent(const std::string& bucket, const std::string& key,
                           std::string_view bytes, std::stop_token stop) override {
    Bucket& in = Get(bucket);
    const auto write = [&] {
      return HttpRequest{.method = "PUT",
                         .url = in.dialect.Url(key),
                         .headers = {{"If-None-Match", "*"}},
                         .body = bytes,
                         .timeout = absl::ZeroDuration()};
    };
    return in.requester.SendIfAbsent(write, std::move(stop));
  }

  absl::Status Copy(const std::string& bucket, const ListedKey& from, const std::string& to,
                    std::stop_token stop) override {
    if (from.size > kMaxCopyBytes) return CopyInParts(bucket, from, to, std::move(stop));
    return SendCopy(bucket, from, to, {}, std::move(stop)).status();
  }

  absl::StatusOr<std::unique_ptr<Upload>> StartUpload(const std::string& bucket,
                                                      const std::string& key,
                                                      std::stop_token stop) override;

  absl::StatusOr<UploadPage> ListUploads(const std::string& bucket, const std::string& prefix,
                                         const OpenUpload& from, std::stop_token stop) override {
    std::string tail = StrCat("?uploads=&prefix=", UrlEncode(prefix));
    if (!from.key.empty()) StrAppend(&tail, "&key-marker=", UrlEncode(from.key));
    if (!from.id.empty()) StrAppend(&tail, "&upload-id-marker=", UrlEncode(from.id));
    const auto write = [&](HttpRequest& request) { request.url += tail; };
    ASSIGN_OR_RETURN(const HttpResponse response, Send(bucket, "", write, std::move(stop)));
    return ParseS3Uploads(response.body);
  }

  absl::Status AbandonUpload(const std::string& bucket, const OpenUpload& upload,
                             std::stop_token stop) override {
    const auto write = [&](HttpRequest& request) {
      request.method = "DELETE";
      request.url += StrCat("?uploadId=", UrlEncode(upload.id));
    };
    const absl::Status status = Send(bucket, upload.key, write, std::move(stop)).status();
    const bool is_gone = absl::IsAborted(status) || absl::IsNotFound(status);
    return is_gone ? absl::OkStatus() : status;
  }

  absl::Status Remove(const std::string& bucket, const std::string& key,
                      std::stop_token stop) override {
    const auto write = [](HttpRequest& request) { request.method = "DELETE"; };
    const absl::Status status = Send(bucket, key, write, std::move(stop)).status();
    // For a missing object Amazon responds 204, others may respond 404.
    return absl::IsNotFound(status) ? absl::OkStatus() : status;
  }

 private:
  class MultipartUpload;
  struct Bucket {
    Bucket(const std::string& name, S3Service& service)
        : dialect(name, service.options_),
          requester(dialect, service.clients_, service.retrier_, *service.options_.service.clock) {}
    S3Bucket dialect;
    Requester requester;
  };

  Bucket& Get(const std::string& name) {
    absl::MutexLock lock(&mutex_);
    std::unique_ptr<Bucket>& bucket = buckets_[name];
    if (bucket == nullptr) bucket = std::make_unique<Bucket>(name, *this);
    return *bucket;
  }

  // `write` completes a request to the object, whose address may change between tries.
  absl::StatusOr<HttpResponse> Send(const std::string& bucket, const std::string& key,
                                    const std::function<void(HttpRequest&)>& write,
                                    std::stop_token stop) {
    Bucket& in = Get(bucket);
    const auto make = [&] {
      HttpRequest request{.url = in.dialect.Url(key)};
      write(request);
      return request;
    };
    return in.requester.Send({.write = make}, std::move(stop));
  }

  // One part of a copy: the rest of the url, and the bytes of the source.
  struct CopyPart {
    std::string tail;
    std::string range;
  };

  // Returns the ETag of the new object or part; `part` is empty for the whole object.
  absl::StatusOr<std::string> SendCopy(const std::string& bucket, const ListedKey& from,
                                       const std::string& to, const CopyPart& part,
                                       std::stop_token stop) {
    Bucket& in = Get(bucket);
    const Requester::Call call{
        .write =
            [&] {
              HttpRequest request{
                  .method = "PUT",
                  .url = in.dialect.Url(to) + part.tail,
                  .headers = {{"x-amz-copy-source", StrCat("/", bucket, "/", EncodeKey(from.key))},
                              {"x-amz-copy-source-if-match", QuotedEtag(from.version)}},
                  // Some servers send nothing until the copy is complete.
                  .timeout = absl::Minutes(10),
                  .stall_timeout = absl::ZeroDuration()};
              if (!part.range.empty()) {
                request.headers.emplace_back("x-amz-copy-source-range", part.range);
              }
              return request;
            },
        .check = [](const HttpResponse& response) { return ParseS3Copy(response).status(); }};
    ASSIGN_OR_RETURN(const HttpResponse response, in.requester.Send(call, std::move(stop)));
    return ParseS3Copy(response);
  }

  absl::Status CopyInParts(const std::string& bucket, const ListedKey& from, const std::string& to,
                           std::stop_token stop);
  absl::StatusOr<std::unique_ptr<MultipartUpload>> StartMultipart(const std::string& bucket,
                                                                  const std::string& key,
                                                                  std::stop_token stop);

  const S3Options options_;
  ClientPool clients_;
  Retrier retrier_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::unique_ptr<Bucket>> buckets_ ABSL_GUARDED_BY(mutex_);
};

class S3Service::MultipartUpload : public Upload {
 public:
  MultipartUpload(S3Service& service, std::string bucket, std::string key, std::string id,
                  std::stop_token stop)
      : service_(service),
        bucket_(std::move(bucket)),
        key_(std::move(key)),
        id_(UrlEncode(id)),
        stop_(std::move(stop)) {}

  absl::Status AddPart(std::string_view bytes) override {
    const std::string tail = NextPartTail();
    const auto write = [&](HttpRequest& request) {
      request.method = "PUT";
      request.url += tail;
      request.body = bytes;
      request.timeout = absl::ZeroDuration();
    };
    ASSIGN_OR_RETURN(const HttpResponse response, service_.Send(bucket_, key_, write, stop_));
    etags_.emplace_back(BareEtag(response.header("etag")));
    if (etags_.back().empty()) return absl::InternalError("the server returned no ETag for a part");
    size_ += bytes.size();
    return absl::OkStatus();
  }

  absl::Status Complete(std::string_view bytes) override {
    RETURN_IF_ERROR(AddPart(bytes));
    return CompleteParts();
  }

  // Copies the whole object, which the server reads itself, and completes the upload.
  absl::Status CopyAll(const ListedKey& from) {
    const uint64_t part_size = std::max(kCopyPartBytes, from.size / kMaxParts + 1);
    while (size_ < from.size) {
      const uint64_t size = std::min(part_size, from.size - size_);
      const CopyPart part{.tail = NextPartTail(), .range = RangeHeader(size_, size)};
      ASSIGN_OR_RETURN(std::string etag, service_.SendCopy(bucket_, from, key_, part, stop_));
      etags_.push_back(std::move(etag));
      size_ += size;
    }
    return CompleteParts();
  }

  void Abandon() override {
    Bucket& in = service_.Get(bucket_);
    in.requester.SendOnce(
        {.method = "DELETE", .url = StrCat(in.dialect.Url(key_), "?uploadId=", id_)}, stop_);
  }

 private:
  std::string NextPartTail() const {
    return StrCat("?partNumber=", etags_.size() + 1, "&uploadId=", id_);
  }

  absl::Status CompleteParts() {
    const std::string body = S3PartList(etags_);
    const auto write = [&](HttpRequest& request) {
      request.method = "POST";
      request.url += StrCat("?uploadId=", id_);
      request.headers = {{"Content-Type", "application/xml"}};
      request.body = body;
      request.timeout = absl::Minutes(10);  // the server assembles the parts meanwhile
    };
    const absl::StatusOr<HttpResponse> response = service_.Send(bucket_, key_, write, stop_);
    if (absl::IsNotFound(response.status()) || absl::IsAborted(response.status())) {
      return CheckCompleted(response.status());
    }
    RETURN_IF_ERROR(response.status());
    if (!IsS3ErrorBody(response->body)) return absl::OkStatus();
    return CloudStatus(absl::StatusCode::kUnavailable, "the parts were not assembled",
                       ParseS3Error(*response));
  }

  // An upload that is no longer known may have been completed by a try whose response was lost.
  absl::Status CheckCompleted(const absl::Status& why) {
    const absl::StatusOr<ListedKey> found = service_.Stat(bucket_, key_, stop_);
    if (absl::IsNotFound(found.status())) return why;
    RETURN_IF_ERROR(found.status());
    const bool same = found->size == size_ && found->version.ends_with(StrCat("-", etags_.size()));
    return same ? absl::OkStatus() : why;
  }

  S3Service& service_;
  const std::string bucket_;
  const std::string key_;
  const std::string id_;
  const std::stop_token stop_;
  std::vector<std::string> etags_;
  uint64_t size_ = 0;
};

absl::StatusOr<std::unique_ptr<S3Service::MultipartUpload>> S3Service::StartMultipart(
    const std::string& bucket, const std::string& key, std::stop_token stop) {
  const auto write = [](HttpRequest& request) {
    request.method = "POST";
    request.url += "?uploads=";
  };
  ASSIGN_OR_RETURN(const HttpResponse response, Send(bucket, key, write, stop));
  std::string id = ParseS3UploadId(response.body);
  if (id.empty()) return absl::InternalError("the server did not start a multipart upload");
  return std::make_unique<MultipartUpload>(*this, bucket, key, std::move(id), std::move(stop));
}

absl::StatusOr<std::unique_ptr<Upload>> S3Service::StartUpload(const std::string& bucket,
                                                               const std::string& key,
                                                               std::stop_token stop) {
  return StartMultipart(bucket, key, std::move(stop));
}

absl::Status S3Service::CopyInParts(const std::string& bucket, const ListedKey& from,
                                    const std::string& to, std::stop_token stop) {
  ASSIGN_OR_RETURN(const std::unique_ptr<MultipartUpload> upload,
                   StartMultipart(bucket, to, std::move(stop)));
  const absl::Status copied = upload->CopyAll(from);
  if (!copied.ok()) upload->Abandon();
  return copied;
}

}  // namespace

std::shared_ptr<CloudService> NewS3Service(S3Options options) {
  return std::make_shared<S3Service>(std::move(options));
}

}  // namespace millrace
