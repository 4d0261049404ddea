// Certificates for servers that speak TLS, and self-signed ones for local use.
#ifndef MILLRACE_NET_TLS_CERTIFICATE_H_
#define MILLRACE_NET_TLS_CERTIFICATE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace {

// A server's identity, as PEM.
struct TlsCertificate {
  std::string chain;  // the server's own certificate first
  std::string private_key;
};

struct SelfSignedCertificate {
  std::string ca;  // PEM, for clients to trust
  TlsCertificate server;
};

// A certificate for `hosts` (names and IP addresses), valid for a year, issued by a new certificate
// authority. The authority's private key is destroyed on return, so no second certificate can be
// issued.
absl::StatusOr<SelfSignedCertificate> MakeSelfSignedCertificate(
    const std::vector<std::string>& hosts);

// Whether `pem` is the `ca` of a MakeSelfSignedCertificate(), of this process or another, and
// nothing else.
bool IsSelfSignedCa(std::string_view pem);

}  // namespace millrace

#endif  // MILLRACE_NET_TLS_CERTIFICATE_H_
