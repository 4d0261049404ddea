#include "net/testing/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/strings.h"

namespace millrace {

// Bytes over a socket, with TLS on top if asked for.
class ScriptedServer::Stream {
 public:
  Stream(int socket, const std::optional<TestCertificate>& tls)
      : socket_(socket), context_(nullptr, &SSL_CTX_free), ssl_(nullptr, &SSL_free) {
    if (tls.has_value()) StartTls(*tls);
  }

  // False at the end or on an error.
  bool ReadMore(std::string& to) {
    char buffer[64 << 10];
    const ssize_t got = ssl_ ? SSL_read(ssl_.get(), buffer, sizeof(buffer))
                             : recv(socket_, buffer, sizeof(buffer), 0);
    if (got <= 0) return false;
    to.append(buffer, static_cast<size_t>(got));
    return true;
  }

  bool Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ssl_
                               ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                               : send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

 private:
  void StartTls(const TestCertificate& tls) {
    context_.reset(SSL_CTX_new(TLS_server_method()));
    BIO* bio = BIO_new_mem_buf(tls.certificate.data(), static_cast<int>(tls.certificate.size()));
    X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    SSL_CTX_use_certificate(context_.get(), certificate);
    X509_free(certificate);
    BIO_free(bio);
    bio = BIO_new_mem_buf(tls.private_key.data(), static_cast<int>(tls.private_key.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    SSL_CTX_use_PrivateKey(context_.get(), key);
    EVP_PKEY_free(key);
    BIO_free(bio);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_);
    SSL_accept(ssl_.get());  // a client that refuses shows as a failing read
  }

  const int socket_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

std::string ScriptedRequest::header(std::string_view name) const {
  for (const absl::string_view line : absl::StrSplit(head, "\r\n")) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (absl::EqualsIgnoreCase(parts.first, ToAbsl(name))) {
      return std::string(absl::StripAsciiWhitespace(parts.second));
    }
  }
  return "";
}

ScriptedResponse ScriptedResponse::Answer(
    int status, std::string_view body, std::vector<std::pair<std::string, std::string>> headers) {
  ScriptedResponse reply;
  reply.bytes = StrCat("HTTP/1.1 ", status, " Scripted\r\nContent-Length: ", body.size(), "\r\n");
  for (const auto& [name, value] : headers) StrAppend(&reply.bytes, name, ": ", value, "\r\n");
  StrAppend(&reply.bytes, "\r\n", body);
  return reply;
}

ScriptedResponse ScriptedResponse::CutAfter(size_t count) && {
  bytes.resize(std::min(count, bytes.size()));
  close = true;
  return std::move(*this);
}

ScriptedServer::ScriptedServer(Script script, ScriptedServerOptions options)
    : script_(std::move(script)), options_(std::move(options)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, generic, &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this] { Accept(); });
}

ScriptedServer::~ScriptedServer() {
  std::list<std::jthread> threads;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    shutdown(listener_, SHUT_RDWR);
    for (const int socket : sockets_) shutdown(socket, SHUT_RDWR);
    threads.swap(connection_threads_);
  }
  acceptor_.join();
  threads.clear();
  close(listener_);
}

std::string ScriptedServer::url() const {
  return StrCat(options_.tls.has_value() ? "https" : "http", "://127.0.0.1:", port_);
}

int ScriptedServer::connections() const {
  absl::MutexLock lock(&mutex_);
  return connections_;
}

std::vector<ScriptedRequest> ScriptedServer::requests() const {
  absl::MutexLock lock(&mutex_);
  return requests_;
}

void ScriptedServer::Accept() {
  for (;;) {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    absl::MutexLock lock(&mutex_);
    if (socket < 0 || stopping_) {
      if (socket >= 0) close(socket);
      return;
    }
    sockets_.push_back(socket);
    const int connection = ++connections_;
    connection_threads_.emplace_back([this, socket, connection] { Serve(socket, connection); });
  }
}

void ScriptedServer::Serve(int socket, int connection) {
  sigset_t broken_pipe;  // OpenSSL writes without MSG_NOSIGNAL
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  {
    Stream stream(socket, options_.tls);
    std::string received;
    while (ServeOne(stream, connection, received)) {
    }
  }
  absl::MutexLock lock(&mutex_);
  std::erase(sockets_, socket);
  close(socket);
}

// False when the connection is to be closed.
bool ScriptedServer::ServeOne(Stream& stream, int connection, std::string& received) {
  size_t head_end = 0;
  while ((head_end = received.find("\r\n\r\n")) == std::string::npos) {
    if (!stream.ReadMore(received)) return false;
  }
  ScriptedRequest request;
  request.connection = connection;
  request.head = received.substr(0, head_end);
  received.erase(0, head_end + 4);
  size_t body_size = 0;
  (void)absl::SimpleAtoi(request.header("content-length"), &body_size);
  if (options_.answers_before_body) body_size = 0;
  while (received.size() < body_size) {
    if (!stream.ReadMore(received)) return false;
  }
  request.body = received.substr(0, body_size);
  received.erase(0, body_size);
  {
    absl::MutexLock lock(&mutex_);
    requests_.push_back(request);
  }
  ScriptedResponse reply;
  {
    absl::MutexLock lock(&script_mutex_);
    reply = script_(request);
  }
  if (reply.wait_for != nullptr) reply.wait_for->WaitForNotification();
  if (!stream.Write(reply.bytes) || reply.close) return false;
  while (reply.hang) {
    if (!stream.ReadMore(received)) return false;
  }
  return true;
}

}  // namespace millrace
