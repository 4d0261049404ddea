// The servers that give a machine its own identity: quick and near where they exist, and no server
// at all elsewhere.
#ifndef MILLRACE_AUTH_METADATA_SERVICE_H_
#define MILLRACE_AUTH_METADATA_SERVICE_H_

#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "net/http_client.h"

namespace millrace {

struct MetadataServiceOptions {
  // What to tell a user on whose machine there is no such server.
  std::string absent;
  // A header that all of its answers have; other answers come from something else. Empty: any.
  std::pair<std::string, std::string> mark;
  absl::Duration connect_timeout = absl::Seconds(3);
};

// One thread at a time.
class MetadataService {
 public:
  // `clock` outlives it.
  MetadataService(MetadataServiceOptions options, Clock& clock)
      : options_(std::move(options)), clock_(clock) {}

  // An answer of any status but those that pass (408, 410, 429, 5xx), after up to three tries in a
  // few seconds: a busy server must not be taken for none. Errors: Unauthenticated, with `absent`,
  // while the server has never answered; Unavailable once it has; Cancelled. The timeouts of
  // `request` are set here.
  absl::StatusOr<HttpResponse> Send(HttpClient& http, HttpRequest request, std::stop_token stop);

 private:
  absl::StatusOr<HttpResponse> TryOnce(HttpClient& http, const HttpRequest& request,
                                       std::stop_token stop);

  const MetadataServiceOptions options_;
  Clock& clock_;
  bool exists_ = false;  // has answered: from then on a failure is a passing one
};

}  // namespace millrace

#endif  // MILLRACE_AUTH_METADATA_SERVICE_H_
