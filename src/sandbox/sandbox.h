// A faithful local stand-in for Mixpanel's HTTP API, with a live page at "/".
#ifndef MILLRACE_SANDBOX_SANDBOX_H_
#define MILLRACE_SANDBOX_SANDBOX_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "sandbox/jql_query.h"
#include "sandbox/limits.h"
#include "sandbox/project_time.h"

namespace millrace::sandbox {

struct SandboxOptions {
  std::string listen = "127.0.0.1:0";
  std::string store = "memory";  // "memory", or a folder that will hold sandbox.db (SQLite)
  bool discard = false;          // decompress and count, nothing else (benchmarks)
  std::string token;             // if set: what /import and export must authenticate with
  std::string service_account;   // "user:secret"; if set, accepted too
  std::string oauth_token;       // if set, accepted as a bearer, too
  std::string project_id = "1";  // in responses
  std::string time_zone;         // of the project, an IANA name; empty: UTC
  ExportTimes export_times = ExportTimes::kLocal;  // with a time zone
  size_t query_limit = 0;                          // exports and queries an hour each; 0: no limits
  size_t engage_page_size = kEngagePageSize;
  JqlLimits jql_limits;
  std::vector<std::string> faults;  // specs NAME[=VALUE][:PROBABILITY]
  uint64_t seed = 1;                // of the faults' randomness
  int threads = 2;
  // HTTPS, with a certificate that is created at startup for 127.0.0.1, ::1, localhost and the host
  // of `listen`.
  bool tls_self_signed = false;
  std::string tls_ca;  // where the certificate's CA is written; empty: a temporary file
};

class Sandbox {
 public:
  virtual ~Sandbox() = default;  // stops
  virtual std::string url() const = 0;
  // The file with the CA certificate that clients must trust; "" without TLS.
  virtual std::string tls_ca() const = 0;
  virtual void Stop() = 0;

  // InvalidArgument for an unknown fault (lists the known ones), an unknown time zone, an invalid
  // address, or a tls_ca that exists and is something else.
  static absl::StatusOr<std::unique_ptr<Sandbox>> Start(const SandboxOptions& options,
                                                        Clock& clock = Clock::Real());
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_SANDBOX_H_
