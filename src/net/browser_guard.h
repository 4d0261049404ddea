// Keeps web pages of other sites away from endpoints that only programs and a server's own pages
// should use. A page in a browser on the same machine can send requests to a loopback server
// (CSRF), and with a name that resolves to 127.0.0.1 even read the responses (DNS rebinding).
#ifndef MILLRACE_NET_BROWSER_GUARD_H_
#define MILLRACE_NET_BROWSER_GUARD_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "net/http_server.h"

namespace millrace {

// PermissionDenied, with the reason, unless
// - Host names this machine: an IP address, localhost, a name without dots (a container's), or
//   `listen_host`; or it is `domain` or below it, if that is not empty. Other public names could
//   belong to anyone; and
// - Origin, if present, has the same scheme ("http" or "https"), host and port, and
//   Sec-Fetch-Site, if present, says that the request comes from the same origin or the user.
absl::Status CheckSameSite(const ServerRequest& request, std::string_view scheme,
                           std::string_view listen_host, std::string_view domain = "");

// The host of "host:port" or "[v6]:port", in lower case, without brackets.
std::string HostOf(std::string_view host_and_port);

}  // namespace millrace

#endif  // MILLRACE_NET_BROWSER_GUARD_H_
