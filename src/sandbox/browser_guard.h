// Keeps web pages of other sites away from the sandbox's own endpoints. A page in a browser on the
// developer's machine can send requests to a loopback server (CSRF), and with a name that resolves
// to 127.0.0.1 even read the responses (DNS rebinding).
#ifndef MILLRACE_SANDBOX_BROWSER_GUARD_H_
#define MILLRACE_SANDBOX_BROWSER_GUARD_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "net/http_server.h"

namespace millrace::sandbox {

// PermissionDenied, with the reason, unless
// - Host names this machine: an IP address, localhost, a name without dots (a container's), or
//   `listen_host`; or it is one of Mixpanel's. Other public names could belong to anyone; and
// - Origin, if present, has the same scheme ("http" or "https"), host and port, and
//   Sec-Fetch-Site, if present, says that the request comes from the same origin or the user.
absl::Status CheckSameSite(const ServerRequest& request, std::string_view scheme,
                           std::string_view listen_host);

// The host of "host:port" or "[v6]:port", in lower case, without brackets.
std::string HostOf(std::string_view host_and_port);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_BROWSER_GUARD_H_
