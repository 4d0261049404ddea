// An HTTP/1.1 server: one io_context per thread, keep-alive, bounded sizes and times. Binds to the
// given address; the command line's default is loopback.
#ifndef MILLRACE_NET_HTTP_SERVER_H_
#define MILLRACE_NET_HTTP_SERVER_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "net/tls_certificate.h"

namespace millrace {

// Views are valid until the handler returns.
struct ServerRequest {
  std::string_view method;        // upper case
  std::string_view path;          // as sent, without the query
  std::string_view query;         // without '?'
  std::string_view body;          // ByteBuffer::kPadding readable bytes follow it
  std::string_view peer_address;  // "127.0.0.1"
  std::function<std::string_view(std::string_view name)> header;  // "" if absent; any case
  // The values of all headers of that name, joined with ", ". Not set by every caller of a handler.
  std::function<std::string(std::string_view name)> joined_header;
};

struct ServerResponse;

// The response to one request, sent later. Thread-safe.
class PendingResponse {
 public:
  // Without an earlier Send(), the response is the one that the handler returned.
  virtual ~PendingResponse() = default;
  // Only the first call counts, and only if the response was not sent otherwise and the server
  // still exists.
  virtual void Send(ServerResponse reply) = 0;
};

struct ServerResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  // If set, it provides the body and `body` is not used: it is called on the I/O thread whenever
  // the previous piece was sent, and appends the next one. Appending nothing ends the body. An
  // error closes the connection in the middle of it, because the status line was already sent.
  std::function<absl::Status(std::string* piece)> next_piece;
  // If set, the response is sent later: called once, on the I/O thread, after the handler. This
  // object is the response only if none was sent within `later_timeout`.
  std::function<void(std::shared_ptr<PendingResponse>)> later;
  absl::Duration later_timeout = absl::InfiniteDuration();
  // Faults, for test servers: wait before responding (other connections are not affected), or close
  // the connection after `cut_after` bytes of the response, counted from its status line.
  absl::Duration delay = absl::ZeroDuration();
  bool cut = false;
  size_t cut_after = 0;
};

// Called on I/O threads, so it must not block for long; thread-safe; must not throw. It receives
// HEAD requests unchanged, and the body of its response is not sent.
using HttpHandler = std::function<ServerResponse(const ServerRequest&)>;

struct HttpServerOptions {
  // host:port; port 0 picks a free one. Or fd:N: a socket that listens already, whose descriptor
  // this process was started with, as systemd's socket activation does; the server closes it.
  std::string listen = "127.0.0.1:0";
  std::optional<TlsCertificate> tls;  // if set, HTTPS: TLS 1.2 or later
  int threads = 2;
  size_t max_body_bytes = 64 << 20;  // 413 above it
  size_t max_header_bytes = 64 << 10;
  size_t max_headers = 256;    // of a request
  int max_connections = 1024;  // further ones wait in the accept queue
  int max_connections_per_address = std::numeric_limits<int>::max();  // further ones are closed
  // Of bodies of which not all has arrived. A request that exceeds it is answered with 503.
  size_t max_partial_body_bytes = std::numeric_limits<size_t>::max();
  absl::Duration idle_timeout = absl::Seconds(75);     // between requests
  absl::Duration header_timeout = absl::Seconds(60);   // from first byte to whole head
  absl::Duration request_timeout = absl::Seconds(60);  // from first byte to whole request; also of
                                                       // a TLS handshake, and the longest wait for
                                                       // a peer that does not read
  // If set, it may change the server's own response to a request that the handler does not get
  // (too large, malformed), such as add headers. The request has no body, and has no path or
  // headers if its head could not be read.
  std::function<void(const ServerRequest&, ServerResponse*)> on_refusal;
};

class HttpServer {
 public:
  virtual ~HttpServer() = default;  // Stop()s
  // "http://127.0.0.1:41234", or https.
  virtual std::string url() const = 0;
  virtual int connections() const = 0;  // open ones; thread-safe
  // Connections that begin afterwards get it; of a server that has options.tls. Thread-safe.
  // InvalidArgument: not a certificate with its key; the earlier one stays.
  virtual absl::Status SetCertificate(const TlsCertificate& certificate) = 0;
  // Stops accepting, waits up to `grace` for requests in progress and shortly for the first one of
  // each connection, and closes the other connections. Idempotent; not from a handler.
  virtual void Stop(absl::Duration grace = absl::Seconds(5)) = 0;

  // It listens on return. InvalidArgument: bad address or certificate. Unavailable: the address is
  // in use.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                           HttpHandler handler);
};

// The pairs of "a=1&b=2", decoded, in order.
std::vector<std::pair<std::string, std::string>> ParseForm(std::string_view form);

}  // namespace millrace

#endif  // MILLRACE_NET_HTTP_SERVER_H_
