#include "stores/s3_bucket.h"

#include <algorithm>
#include <utility>

#include "auth/aws_signature.h"
#include "auth/crypto.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/http_status.h"

namespace millrace {
namespace {

constexpr std::string_view kSecretCodes[] = {"InvalidAccessKeyId", "XAdminUserNotFound",
                                             "SignatureDoesNotMatch", "InvalidToken",
                                             "InvalidSecurity"};

bool IsOneOf(std::string_view code, absl::Span<const std::string_view> codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

std::string_view HeaderOf(const HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return {};
}

// What the request needs, and requests like it. (Keys in urls have no "?".)
std::string_view PermissionsFor(const HttpRequest& request) {
  if (request.method == "GET" && request.url.find("?uploads=") != std::string::npos) {
    return "listing unfinished uploads takes s3:ListBucketMultipartUploads on the bucket";
  }
  return "reading takes s3:ListBucket on the bucket and s3:GetObject on its objects, writing "
         "s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload";
}

}  // namespace

S3Bucket::S3Bucket(std::string name, const S3Options& options)
    : name_(std::move(name)),
      options_(options),
      server_clock_(*options.service.clock, "s3://" + name_),
      region_(options.region) {}

std::string S3Bucket::region() const {
  absl::MutexLock lock(&mutex_);
  return region_;
}

std::string S3Bucket::Url(const std::string& key) const {
  const std::string path = EncodeKey(key);
  if (!options_.endpoint.empty()) return StrCat(options_.endpoint, "/", name_, "/", path);
  const std::string in = region();
  const std::string_view domain = AwsDomain(in);
  // The certificate for bucket hosts does not cover names with dots.
  if (name_.find('.') != std::string::npos) {
    return StrCat("https://s3.", in, ".", domain, "/", name_, "/", path);
  }
  return StrCat("https://", name_, ".s3.", in, ".", domain, "/", path);
}

absl::Status S3Bucket::Authorize(HttpRequest& request, std::stop_token stop) {
  ASSIGN_OR_RETURN(const AwsKeys keys, options_.keys->Keys(std::move(stop)));
  AwsRequest to_sign{.method = request.method,
                     .url = request.url,
                     .headers = request.headers,
                     .payload_sha256 = Sha256Hex(request.body),
                     .region = region(),
                     .service = "s3"};
  to_sign.headers.emplace_back("x-amz-content-sha256", to_sign.payload_sha256);
  ASSIGN_OR_RETURN(request.headers, SignAwsRequest(to_sign, keys, server_clock_.Now()));
  return absl::OkStatus();
}

Refusal S3Bucket::ClassifyError(const HttpRequest& request, const HttpResponse& response) {
  const S3Error error = ParseS3Error(response);
  if (IsRetryableStatus(error.http_status) || error.code == "RequestTimeout" ||
      error.code == "SlowDown" || error.code == "OperationAborted" ||
      error.code == "ConditionalRequestConflict") {
    return {CloudStatus(absl::StatusCode::kUnavailable, "", error), Refusal::RetryAdvice::kWait};
  }
  const bool moved = error.http_status == 301 || error.http_status == 307 ||
                     error.code == "AuthorizationHeaderMalformed" ||
                     error.code == "PermanentRedirect" || error.code == "TemporaryRedirect";
  if ((moved || error.http_status == 400 || error.http_status == 403) && LearnRegion(error)) {
    return {CloudStatus(absl::StatusCode::kInternal, "", error), Refusal::RetryAdvice::kNow};
  }
  if (moved) {
    return {
        CloudStatus(absl::StatusCode::kInvalidArgument,
                    StrCat("the bucket is not in region ", region(),
                           "; set AWS_REGION to its region, or AWS_ENDPOINT_URL_S3 to its server"),
                    error)};
  }
  // Servers use different statuses for an unknown key.
  if (IsOneOf(error.code, kSecretCodes)) return Denied(request, response, error);
  switch (error.http_status) {
    case 401:
    case 403:
      return Denied(request, response, error);
    case 404:
      if (error.code == "NoSuchUpload") {
        return {
            CloudStatus(absl::StatusCode::kAborted, "the upload does not exist any more", error)};
      }
      return {CloudStatus(absl::StatusCode::kNotFound,
                          error.code == "NoSuchBucket"
                              ? StrCat("there is no bucket ", name_, ": check its name")
                              : "no such object",
                          error)};
    case 501:
      return {CloudStatus(absl::StatusCode::kUnimplemented,
                          "the server does not support this request", error)};
    default:
      if (error.code == "ExpiredToken") return Denied(request, response, error);
      return CommonRefusal(error);
  }
}

Refusal S3Bucket::Denied(const HttpRequest& request, const HttpResponse& response,
                         const S3Error& error) {
  // Responses to HEAD have no body with a reason: only the Date shows a wrong clock.
  if ((error.code == "RequestTimeTooSkewed" || error.code.empty()) &&
      server_clock_.Learn(response)) {
    return {CloudStatus(absl::StatusCode::kUnauthenticated,
                        ClockHint(response, options_.service.clock->Now()), error),
            Refusal::RetryAdvice::kNow};
  }
  if (error.code == "RequestTimeTooSkewed") {
    const std::string hint = ClockHint(response, options_.service.clock->Now());
    return {CloudStatus(
        absl::StatusCode::kUnauthenticated,
        hint.empty() ? "this machine's clock is wrong; correct it (e.g. with NTP)" : hint, error)};
  }
  if (error.code == "ExpiredToken") {
    const absl::Status status = CloudStatus(
        absl::StatusCode::kUnauthenticated,
        StrCat("the AWS session has expired: log in again (", options_.keys->description(), ")"),
        error);
    options_.keys->Forget(HeaderOf(request, "X-Amz-Security-Token"));
    return {status, Refusal::RetryAdvice::kNow};
  }
  if (IsOneOf(error.code, kSecretCodes)) {
    return {CloudStatus(
        absl::StatusCode::kUnauthenticated,
        StrCat("S3 rejected these AWS keys: check them (", options_.keys->description(), ")"),
        error)};
  }
  return {CloudStatus(absl::StatusCode::kPermissionDenied,
                      StrCat("access denied: ", PermissionsFor(request)), error)};
}

// True if the response names a different region than the request.
bool S3Bucket::LearnRegion(const S3Error& error) {
  absl::MutexLock lock(&mutex_);
  if (error.region.empty() || error.region == region_) return false;
  region_ = error.region;
  return true;
}

}  // namespace millrace
