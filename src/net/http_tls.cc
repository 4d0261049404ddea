// TLS for the HTTP server, by OpenSSL.
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <climits>

#include "net/http_transport_internal.h"

namespace millrace::http_internal {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

// OpenSSL's own socket BIO raises SIGPIPE when the peer is gone, and keeps using the descriptor
// number after the socket is closed; this one does neither.
int Descriptor(BIO* bio) { return static_cast<Socket*>(BIO_get_data(bio))->native_handle(); }

int WriteBio(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = send(Descriptor(bio), data, static_cast<size_t>(size), MSG_NOSIGNAL);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

int ReadBio(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = recv(Descriptor(bio), data, static_cast<size_t>(size), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(n);
}

long ControlBio(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO* NewSocketBio(Socket* socket) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "millrace socket");
    BIO_meth_set_write(made, WriteBio);
    BIO_meth_set_read(made, ReadBio);
    BIO_meth_set_ctrl(made, ControlBio);
    return made;
  }();
  BIO* bio = BIO_new(method);
  BIO_set_data(bio, socket);
  BIO_set_init(bio, 1);
  return bio;
}

// Chooses HTTP/1.1 from what the client offers.
int ChooseProtocol(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* chosen_size,
                   const unsigned char* offered, unsigned int offered_size, void* /*unused*/) {
  static constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* out;
  const int result =
      SSL_select_next_proto(&out, chosen_size, kHttp11, sizeof kHttp11, offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *chosen = out;
  return SSL_TLSEXT_ERR_OK;
}

bool UseCertificate(const TlsCertificate& certificate, SSL_CTX* context) {
  const auto open = [](const std::string& pem) {
    return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  };
  const Bio chain = open(certificate.chain);
  const Certificate own(PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr), &X509_free);
  if (own == nullptr || SSL_CTX_use_certificate(context, own.get()) != 1) return false;
  while (X509* issuer = PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr)) {
    SSL_CTX_add_extra_chain_cert(context, issuer);  // which owns it from here
  }
  const Key key(
      PEM_read_bio_PrivateKey(open(certificate.private_key).get(), nullptr, nullptr, nullptr),
      &EVP_PKEY_free);
  return key != nullptr && SSL_CTX_use_PrivateKey(context, key.get()) == 1 &&
         SSL_CTX_check_private_key(context) == 1;
}

int ToInt(size_t size) { return static_cast<int>(std::min<size_t>(size, INT_MAX)); }

}  // namespace

absl::StatusOr<TlsContext> NewTlsContext(const TlsCertificate& certificate) {
  TlsContext context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  if (context == nullptr) return absl::InternalError("OpenSSL cannot be initialized");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context.get(), &ChooseProtocol, nullptr);
  const bool usable = UseCertificate(certificate, context.get());
  ERR_clear_error();
  if (!usable) return absl::InvalidArgumentError("expected a PEM certificate and its private key");
  return context;
}

TlsStream::TlsStream(const TlsContext& context, Socket& socket)
    : socket_(socket), ssl_(SSL_new(context.get()), &SSL_free) {
  BIO* bio = NewSocketBio(&socket_);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_accept_state(ssl_.get());
}

bool TlsStream::handshake_done() const { return SSL_is_init_finished(ssl_.get()) == 1; }

size_t TlsStream::Check(int result, error_code& ec) {
  if (result > 0) {
    ec.clear();
    return static_cast<size_t>(result);
  }
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      wanted_ = Socket::wait_read;
      ec = asio::error::would_block;
      break;
    case SSL_ERROR_WANT_WRITE:
      wanted_ = Socket::wait_write;
      ec = asio::error::would_block;
      break;
    case SSL_ERROR_ZERO_RETURN:
      ec = asio::error::eof;
      break;
    default:
      ec = asio::error::connection_aborted;
  }
  return 0;
}

void TlsStream::AsyncReadSome(asio::mutable_buffer to, ReadHandler handler) {
  ERR_clear_error();
  error_code ec;
  const size_t n = Check(SSL_read(ssl_.get(), to.data(), ToInt(to.size())), ec);
  if (ec != asio::error::would_block) {
    asio::post(socket_.get_executor(), [handler = std::move(handler), ec, n] { handler(ec, n); });
    return;
  }
  socket_.async_wait(wanted_,
                     [this, to, handler = std::move(handler)](const error_code& failed) mutable {
                       if (failed) return handler(failed, 0);
                       AsyncReadSome(to, std::move(handler));
                     });
}

size_t TlsStream::WriteSome(const Buffers& from, error_code& ec) {
  const asio::const_buffer& first = from[0].size() > 0 ? from[0] : from[1];
  if (first.size() == 0) return 0;
  ERR_clear_error();
  return Check(SSL_write(ssl_.get(), first.data(), ToInt(first.size())), ec);
}

void TlsStream::SendClose() {
  ERR_clear_error();
  if (handshake_done()) SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

}  // namespace millrace::http_internal
