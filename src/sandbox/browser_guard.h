// Keeps web pages of other sites away from the sandbox's own endpoints. A browser on the
// developer's machine can be made to send requests to a loopback server (CSRF), and with a name
// that resolves to 127.0.0.1 even to read the answers (DNS rebinding).
#ifndef MILLRACE_SANDBOX_BROWSER_GUARD_H_
#define MILLRACE_SANDBOX_BROWSER_GUARD_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "net/http_server.h"

namespace millrace::sandbox {

// PermissionDenied, saying why, unless
// - Host names this machine: an IP address, localhost, a name without dots (a container's), or
//   `listen_host`; or it is one of Mixpanel's. Other public names could belong to anyone; and
// - Origin, where given, is of the same scheme ("http" or "https"), host and port, and
//   Sec-Fetch-Site, where given, says that the request comes from the same origin or from the user.
absl::Status CheckSameSite(const ServerRequest& request, std::string_view scheme,
                           std::string_view listen_host);

// The host of "host:port" or "[v6]:port", lower case, brackets taken off.
std::string HostOf(std::string_view host_and_port);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_BROWSER_GUARD_H_
