// Requests to a cloud's API: signed, sent, and retried while that may help.
#ifndef MILLRACE_STORES_REQUESTER_H_
#define MILLRACE_STORES_REQUESTER_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/retrier.h"
#include "net/http_client.h"
#include "stores/client_pool.h"
#include "stores/cloud_error.h"
#include "stores/cloud_service.h"

namespace millrace {

// The meaning of an unsuccessful response.
struct Refusal {
  enum class RetryAdvice {
    kNone,
    kWait,  // try again later
    kNow,   // try again: the cause (a token, the region, the clock) was fixed
  };
  absl::Status status;  // for the user, if retries do not help
  RetryAdvice cure = RetryAdvice::kNone;
};

// How one vendor's requests are signed, and what its errors mean. Thread-safe.
class CloudProtocol {
 public:
  virtual ~CloudProtocol() = default;
  // Adds the authentication; called for each try, because tokens and dates expire.
  virtual absl::Status Authorize(HttpRequest& request, std::stop_token stop) = 0;
  virtual Refusal ClassifyError(const HttpRequest& request, const HttpResponse& response) = 0;
};

// The meaning of an error for any vendor: the fallback of every protocol.
Refusal CommonRefusal(const CloudError& error);

// Thread-safe.
class Requester {
 public:
  // All must outlive it.
  Requester(CloudProtocol& dialect, ClientPool& clients, Retrier& retrier, Clock& clock)
      : dialect_(dialect), clients_(clients), retrier_(retrier), clock_(clock) {}

  struct Call {
    // Writes the request of the next try.
    std::function<HttpRequest()> write;
    // Responses other than 2xx that count as success; null: none.
    std::function<bool(int http_status)> accepts;
    // Called for a response that counts as success; a status that is not ok makes it a failure that
    // is retried, since some servers report errors with status 200. Null: all is well.
    std::function<absl::Status(const HttpResponse&)> check;
    // Whether tries since its last call made progress: waits then start again from the shortest.
    // Null: never.
    std::function<bool()> moved;
  };

  // Blocks as long as the retries last. Errors: of the protocol; Unavailable: no response;
  // Cancelled: `stop` was requested; of the request's on_head and on_body.
  absl::StatusOr<HttpResponse> Send(const Call& call, std::stop_token stop);
  // For a request that is the same at each try.
  absl::StatusOr<HttpResponse> Send(const HttpRequest& request, std::stop_token stop);

  // Sends a request that creates an object if there is none. AlreadyExists: HTTP 412. An earlier
  // try may have created it without its response arriving.
  absl::Status SendIfAbsent(std::function<HttpRequest()> write, std::stop_token stop);

  // One try, if more are not worthwhile; the response is ignored.
  void SendOnce(HttpRequest request, std::stop_token stop);

 private:
  absl::StatusOr<HttpResponse> Exchange(HttpRequest& request, std::stop_token stop);

  CloudProtocol& dialect_;
  ClientPool& clients_;
  Retrier& retrier_;
  Clock& clock_;
};

// The part of a version that ReadPinned requests.
struct PinnedRead {
  // Writes the request for `size` bytes from `offset`, in the requested version.
  std::function<HttpRequest(uint64_t offset, uint64_t size)> write;
  // The response header that names the version, and its value without quotes.
  std::string version_header;
  std::string version;
};

// For an object whose versions are ETags. `url` returns its address for the next try.
PinnedRead ReadOfEtag(std::function<std::string()> url, const std::string& etag);

// Fills `to` with the bytes at `offset`; after an interrupted response it resumes after the last
// byte received. FailedPrecondition if a response has another version. Internal if the server
// ignores ranges.
absl::Status ReadPinned(Requester& requester, const PinnedRead& read, uint64_t offset,
                        absl::Span<char> to, std::stop_token stop);

// The object that the headers of a HEAD response describe; its version is the ETag. Unavailable if
// they lack the size or the ETag.
absl::StatusOr<ListedKey> DescribedByHead(const std::string& key, const HttpResponse& head);

// "bytes=0-99".
std::string RangeHeader(uint64_t offset, uint64_t size);

// In the format of If-Match.
std::string QuotedEtag(std::string_view etag);

// `etag` without quotes and without the mark of weak ones.
std::string_view BareEtag(std::string_view etag);

}  // namespace millrace

#endif  // MILLRACE_STORES_REQUESTER_H_
