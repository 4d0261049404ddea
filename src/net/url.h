// The parts of an http or https URL.
#ifndef MILLRACE_NET_URL_H_
#define MILLRACE_NET_URL_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace millrace {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case; an IPv6 address keeps its brackets
  int port = 0;        // the scheme's default if the URL has none
  std::string path;    // as written, "." and ".." too; at least "/"
  std::string query;   // without '?'
  bool has_user = false;
  bool has_fragment = false;

  // "api.mixpanel.com:443", for messages.
  std::string HostPort() const;
  // True for localhost, *.localhost, 127.0.0.0/8 and [::1]: addresses that stay on this machine.
  bool IsLoopback() const;
};

// InvalidArgument, without quoting `text`, unless it is a complete http or https URL.
absl::StatusOr<Url> ParseUrl(std::string_view text);

}  // namespace millrace

#endif  // MILLRACE_NET_URL_H_
