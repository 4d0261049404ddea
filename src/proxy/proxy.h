// The proxy: an HTTP server for Mixpanel's SDKs. What they send is on disk before they are
// answered, and each destination follows at its own speed.
#ifndef MILLRACE_PROXY_PROXY_H_
#define MILLRACE_PROXY_PROXY_H_

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "net/http_server.h"
#include "pipeline/dead_letter_queue.h"
#include "pipeline/destination.h"
#include "pipeline/run.h"
#include "proxy/live_page.h"
#include "proxy/pass_through.h"
#include "proxy/public_handler.h"
#include "proxy/token_rules.h"
#include "spool/spool.h"

namespace millrace::proxy {

struct ProxyOptions {
  HttpServerOptions listen;        // of SDKs
  HttpServerOptions admin_listen;  // of operators
  PublicHandlerOptions requests;
  PassThroughOptions upstream;
  TokenRules tokens;
  SpoolOptions spool;
  bool new_destinations_from_oldest = false;  // else they get what arrives from now on
  RunOptions run;                             // of all deliveries together
  std::string dead_letter_folder;             // of the queue; empty: it is not in a folder
  std::string admin_token;                    // for what changes something; empty: nothing may
  bool allows_drop = false;                   // POST /drop of the admin listener
  std::optional<ProxyDemo> demo;              // adds the page of a demo
};

struct ProxyDestination {
  Destination* destination = nullptr;
  std::string transform;  // a file of JavaScript that changes its records; empty: none
};

// InvalidArgument, NotFound and others: the transform cannot be used.
absl::Status CheckTransform(const ProxyDestination& destination);

// Thread-safe.
class Proxy {
 public:
  virtual ~Proxy() = default;  // Stop()s
  // "http://127.0.0.1:41234", or https.
  virtual std::string url() const = 0;
  virtual std::string admin_url() const = 0;
  // Of records that arrive afterwards.
  virtual void SetTokens(TokenRules tokens) = 0;
  // Of requests that come afterwards: PublicHandler::SetRules().
  virtual absl::Status SetRules(const PublicHandlerOptions& requests) = 0;
  // As HttpServer::SetCertificate(), of the listener for SDKs.
  virtual absl::Status SetCertificate(const TlsCertificate& certificate) = 0;
  // Accepts nothing new, answers what has arrived, and ends the deliveries. What they have not
  // delivered stays in the spool. Idempotent.
  virtual void Stop() = 0;

  // Both listeners accept connections on return. The destinations and the queue outlive it.
  // FailedPrecondition: another process has the spool. Cancelled: `stop` was requested while it
  // waited for that. Others of the spool, the listeners and the transform.
  static absl::StatusOr<std::unique_ptr<Proxy>> Start(const ProxyOptions& options,
                                                      std::vector<ProxyDestination> destinations,
                                                      DeadLetterQueue& dead_letter,
                                                      const std::stop_token& stop);
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_PROXY_H_
