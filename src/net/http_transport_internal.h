// The bytes of one connection of the HTTP server, plain or over TLS. For http_session.cc and
// http_server_asio.cc only.
#ifndef MILLRACE_NET_HTTP_TRANSPORT_INTERNAL_H_
#define MILLRACE_NET_HTTP_TRANSPORT_INTERNAL_H_

#include <array>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "net/tls_certificate.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX
struct ssl_st;      // OpenSSL's SSL

namespace millrace::http_internal {

namespace asio = boost::asio;
using boost::system::error_code;
using Executor = asio::io_context::executor_type;
using Tcp = asio::ip::tcp;
using Socket = asio::basic_stream_socket<Tcp, Executor>;
using TlsContext = std::shared_ptr<ssl_ctx_st>;
using Buffers = std::array<asio::const_buffer, 2>;

// TLS 1.2 or later, without renegotiation. InvalidArgument: not a certificate with its key.
absl::StatusOr<TlsContext> NewTlsContext(const TlsCertificate& certificate);

// The server's end of TLS on a non-blocking socket, which outlives it. The first read performs the
// handshake.
class TlsStream {
 public:
  using ReadHandler = std::function<void(const error_code&, size_t)>;

  TlsStream(const TlsContext& context, Socket& socket);

  bool handshake_done() const;
  void AsyncReadSome(asio::mutable_buffer to, ReadHandler handler);
  size_t WriteSome(const Buffers& from, error_code& ec);
  // What to wait for after would_block.
  Socket::wait_type wanted() const { return wanted_; }
  // Tells the peer that nothing follows.
  void SendClose();

 private:
  // The number of bytes for `result` of an SSL_ function, or 0 and the reason.
  size_t Check(int result, error_code& ec);

  Socket& socket_;
  std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  Socket::wait_type wanted_ = Socket::wait_read;
};

// One thread only; no read is started while a write waits. Handlers are never called inside the
// call that receives them.
class Transport {
 public:
  // `tls` null: plain.
  Transport(Socket socket, const TlsContext& tls) : socket_(std::move(socket)) {
    if (tls != nullptr) tls_ = std::make_unique<TlsStream>(tls, socket_);
  }
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  Socket& socket() { return socket_; }
  bool ready() const { return tls_ == nullptr || tls_->handshake_done(); }

  template <typename Handler>
  void AsyncReadSome(asio::mutable_buffer to, Handler handler) {
    if (tls_ == nullptr) {
      socket_.async_read_some(to, std::move(handler));
    } else {
      tls_->AsyncReadSome(to, std::move(handler));
    }
  }

  // would_block: nothing was written; wait, then call again with the same bytes (more may follow
  // them).
  size_t WriteSome(const Buffers& from, error_code& ec) {
    if (tls_ != nullptr) return tls_->WriteSome(from, ec);
    // The system takes a single buffer faster.
    return from[1].size() == 0 ? socket_.write_some(from[0], ec) : socket_.write_some(from, ec);
  }
  template <typename Handler>
  void AsyncWaitToWrite(Handler handler) {
    socket_.async_wait(tls_ == nullptr ? Socket::wait_write : tls_->wanted(), std::move(handler));
  }

  // Bytes that arrive afterwards are read from socket() unchanged.
  void ShutdownSend(error_code& ec) {
    if (tls_ != nullptr) tls_->SendClose();
    socket_.shutdown(Socket::shutdown_send, ec);
  }

 private:
  Socket socket_;
  std::unique_ptr<TlsStream> tls_;
};

}  // namespace millrace::http_internal

#endif  // MILLRACE_NET_HTTP_TRANSPORT_INTERNAL_H_
