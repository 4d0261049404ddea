// Asks a running proxy, at its admin listener, to replay dead letters.
#ifndef MILLRACE_PROXY_ADMIN_CLIENT_H_
#define MILLRACE_PROXY_ADMIN_CLIENT_H_

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "connectors/dead_letter_files/dead_letter_reader.h"
#include "net/http_client.h"
#include "replay/replay.h"

namespace millrace::proxy {

// The report has what the proxy says: no retries, and no status but in `first_error`. `url`:
// "http://127.0.0.1:41234"; of the filter, `object` is not used. Unauthenticated: `token` is not
// that of the proxy; Unavailable: there is none, or it is busy.
absl::StatusOr<ReplayReport> ReplayAtProxy(const std::string& url, const std::string& token,
                                           const DeadLetterFilter& filter, HttpClient& client,
                                           const std::stop_token& stop);

// The body of POST /page/replay: {"id", "code", "since_ms"}, each if it is set, or {"all": true}.
std::string ReplayBody(const DeadLetterFilter& filter);
// InvalidArgument: it is not one.
absl::StatusOr<DeadLetterFilter> ParseReplayBody(std::string_view body);

// The response to it.
std::string ReplayResponse(const ReplayReport& report);

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_ADMIN_CLIENT_H_
