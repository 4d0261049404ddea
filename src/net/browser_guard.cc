#include "net/browser_guard.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/strings.h"

namespace millrace {
namespace {

bool IsIpv4(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '.';
  });
}

bool IsIpv6(std::string_view host) { return host.find(':') != std::string_view::npos; }

bool IsWithin(std::string_view host, std::string_view domain) {
  return !domain.empty() && (host == domain || host.ends_with(StrCat(".", domain)));
}

bool IsAllowedHost(std::string_view host, std::string_view listen_host, std::string_view domain) {
  if (host.empty()) return false;
  return IsWithin(host, domain) || IsIpv4(host) || IsIpv6(host) ||
         host.find('.') == std::string_view::npos || absl::EndsWith(ToAbsl(host), ".localhost") ||
         host == listen_host;
}

}  // namespace

std::string HostOf(std::string_view host_and_port) {
  if (host_and_port.starts_with('[')) {
    host_and_port.remove_prefix(1);
    return absl::AsciiStrToLower(ToAbsl(host_and_port.substr(0, host_and_port.find(']'))));
  }
  return absl::AsciiStrToLower(ToAbsl(host_and_port.substr(0, host_and_port.rfind(':'))));
}

absl::Status CheckSameSite(const ServerRequest& request, std::string_view scheme,
                           std::string_view listen_host, std::string_view domain) {
  const std::string_view host = request.header("host");
  if (!IsAllowedHost(HostOf(host), listen_host, domain)) {
    return absl::PermissionDeniedError(
        "the Host header does not name an address of this machine; use its IP address or "
        "localhost");
  }
  const std::string_view origin = request.header("origin");
  const std::string own_origin = StrCat(scheme, "://", host);
  if (!origin.empty() && !absl::EqualsIgnoreCase(ToAbsl(origin), own_origin)) {
    return absl::PermissionDeniedError("requests from pages of another origin are rejected");
  }
  const std::string_view site = request.header("sec-fetch-site");
  if (!site.empty() && site != "same-origin" && site != "none") {
    return absl::PermissionDeniedError("requests from pages of another site are rejected");
  }
  return absl::OkStatus();
}

}  // namespace millrace
