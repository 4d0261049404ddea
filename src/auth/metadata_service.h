// The servers that give a machine its identity: fast and close if they exist, and absent on other
// machines.
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
  // The message for a user whose machine has no such server.
  std::string absent;
  // A header that all of its responses have; others come from another server. Empty: any.
  std::pair<std::string, std::string> mark;
  absl::Duration connect_timeout = absl::Seconds(3);
};

// One thread at a time.
class MetadataService {
 public:
  // `clock` outlives it.
  MetadataService(MetadataServiceOptions options, Clock& clock)
      : options_(std::move(options)), clock_(clock) {}

  // A response of any status except the transient ones (408, 410, 429, 5xx), after up to three
  // tries in a few seconds: a busy server must not be mistaken for a missing one. Errors:
  // Unauthenticated, with `absent`, if the server has never responded; Unavailable if it has;
  // Cancelled. The timeouts of `request` are set here.
  absl::StatusOr<HttpResponse> Send(HttpClient& http, HttpRequest request, std::stop_token stop);

 private:
  absl::StatusOr<HttpResponse> TryOnce(HttpClient& http, const HttpRequest& request,
                                       std::stop_token stop);

  const MetadataServiceOptions options_;
  Clock& clock_;
  bool exists_ = false;  // has responded: failures are transient from then on
};

}  // namespace millrace

#endif  // MILLRACE_AUTH_METADATA_SERVICE_H_
