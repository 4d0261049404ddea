// Requests to a cloud's API: signed, sent, and sent again while that may help.
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

// What an answer that is no success means.
struct Refusal {
  enum class RetryAdvice {
    kNone,
    kWait,  // try again later
    kNow,   // try again: what was wrong (a token, the region, the clock) was put right
  };
  absl::Status status;  // for the user, if nothing cures it
  RetryAdvice cure = RetryAdvice::kNone;
};

// How one vendor wants requests signed, and what its refusals mean. Thread-safe.
class CloudProtocol {
 public:
  virtual ~CloudProtocol() = default;
  // Adds what proves who asks; called for each try, as tokens and dates age.
  virtual absl::Status Authorize(HttpRequest& request, std::stop_token stop) = 0;
  virtual Refusal ClassifyError(const HttpRequest& request, const HttpResponse& response) = 0;
};

// What an error means whoever the vendor is: of a dialect the last word.
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
    // Answers besides 2xx that are good; null: none.
    std::function<bool(int http_status)> accepts;
    // Whether tries since the last call of this brought something: waits begin anew. Null: never.
    std::function<bool()> moved;
  };

  // Blocking, for as long as the retries last. Errors: of the dialect; Unavailable: no answer;
  // Cancelled: `stop` was requested; of the request's on_head and on_body.
  absl::StatusOr<HttpResponse> Send(const Call& call, std::stop_token stop);
  // Of a request that is the same at each try.
  absl::StatusOr<HttpResponse> Send(const HttpRequest& request, std::stop_token stop);

  // One try, for what is not worth more; the answer is not looked at.
  void SendOnce(HttpRequest request, std::stop_token stop);

 private:
  absl::StatusOr<HttpResponse> Exchange(HttpRequest& request, std::stop_token stop);

  CloudProtocol& dialect_;
  ClientPool& clients_;
  Retrier& retrier_;
  Clock& clock_;
};

// The part of a version that ReadPinned asks for.
struct PinnedRead {
  // Writes the request for `size` bytes from `offset`, in the version that is wanted.
  std::function<HttpRequest(uint64_t offset, uint64_t size)> write;
  // A header of answers that names the version, and its value without quotes.
  std::string version_header;
  std::string version;
};

// Of an object whose versions are ETags. `url` gives its address for the next try.
PinnedRead ReadOfEtag(std::function<std::string()> url, const std::string& etag);

// Fills `to` with the bytes at `offset`; after a broken answer it goes on behind the last byte
// received. FailedPrecondition if an answer is of another version. Internal if the server ignores
// ranges.
absl::Status ReadPinned(Requester& requester, const PinnedRead& read, uint64_t offset,
                        absl::Span<char> to, std::stop_token stop);

// The object that the headers of an answer to HEAD describe, its version the ETag. Unavailable if
// they lack the size or the ETag.
absl::StatusOr<ListedKey> DescribedByHead(const std::string& key, const HttpResponse& head);

// "bytes=0-99".
std::string RangeHeader(uint64_t offset, uint64_t size);

// As If-Match wants it.
std::string QuotedEtag(std::string_view etag);

// `etag` without quotes and without the mark of weak ones.
std::string_view BareEtag(std::string_view etag);

}  // namespace millrace

#endif  // MILLRACE_STORES_REQUESTER_H_
