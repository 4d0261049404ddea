#include "auth/metadata_service.h"

#include "auth/token_request.h"
#include "base/strings.h"
#include "net/http_status.h"

namespace millrace {
namespace {

constexpr int kMaxTries = 3;
constexpr absl::Duration kFirstWait = absl::Seconds(1);

bool MayPass(int status) {
  // 410: Azure's service is being updated.
  return status == 410 || IsRetryableStatus(status);
}

}  // namespace

// Unavailable if there is no response, or one that may change later.
absl::StatusOr<HttpResponse> MetadataService::TryOnce(HttpClient& http, const HttpRequest& request,
                                                      std::stop_token stop) {
  absl::StatusOr<HttpResponse> reply = http.Send(request, std::move(stop));
  if (!reply.ok()) return reply;
  const auto& [name, value] = options_.mark;
  if (!name.empty() && reply->header(name) != value) {
    return absl::UnavailableError("another server responds at its address");
  }
  exists_ = true;
  if (MayPass(reply->status)) return ReadResponse({.http = request}, *std::move(reply)).status();
  return reply;
}

absl::StatusOr<HttpResponse> MetadataService::Send(HttpClient& http, HttpRequest request,
                                                   std::stop_token stop) {
  request.connect_timeout = options_.connect_timeout;
  request.timeout = exists_ ? absl::Seconds(30) : absl::Seconds(5);
  request.max_response_bytes = kMaxResponseBytes;
  absl::Duration wait = kFirstWait;
  for (int tries = 1;; ++tries, wait *= 2) {
    absl::StatusOr<HttpResponse> reply = TryOnce(http, request, stop);
    if (!absl::IsUnavailable(reply.status())) return reply;
    if (tries == kMaxTries) {
      if (exists_) return reply;
      return absl::UnauthenticatedError(
          StrCat(options_.absent, " (", ToStd(reply.status().message()), ")"));
    }
    if (!clock_.SleepFor(wait, stop)) return absl::CancelledError("a stop was requested");
  }
}

}  // namespace millrace
