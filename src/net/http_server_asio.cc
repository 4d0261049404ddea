// HttpServer on Asio; Boost.Beast's parser reads requests (http_request_parser.h). Each worker
// thread runs one io_context and owns its connections, so only the count that Stop() waits for
// needs a lock.
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/post.hpp>
#include <limits>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/http_server.h"
#include "net/http_session_internal.h"

namespace millrace {
namespace {

using namespace http_internal;  // NOLINT(build/namespaces)
using Acceptor = asio::basic_socket_acceptor<Tcp, Executor>;

constexpr auto kAcceptRetryTime = std::chrono::milliseconds(50);

class BeastHttpServer final : public HttpServer {
 public:
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                           HttpHandler handler);
  ~BeastHttpServer() override { Stop(absl::Seconds(5)); }

  std::string url() const override { return url_; }
  int connections() const override { return shared_.connections; }
  absl::Status SetCertificate(const TlsCertificate& certificate) override;
  void Stop(absl::Duration grace) override;

 private:
  BeastHttpServer(const HttpServerOptions& options, HttpHandler handler);
  absl::Status Listen();
  absl::Status Bind();
  absl::Status UseOpenSocket(std::string_view number);
  void RunWorkers();
  void AwaitConnections();
  void AcceptAll();
  bool CountAddress(const Socket& socket, std::string* key);
  void OnRoom();

  Shared shared_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::optional<Acceptor> acceptor_;  // used on the first worker's thread only
  std::optional<Timer> accept_again_;
  std::atomic<bool> accept_paused_{false};
  size_t next_worker_ = 0;
  bool stopped_ = false;
  std::string url_;
};

BeastHttpServer::BeastHttpServer(const HttpServerOptions& options, HttpHandler handler) {
  shared_.options = options;
  shared_.handler = std::move(handler);
  shared_.on_room = [this] { OnRoom(); };
  for (int i = 0; i < std::max(1, options.threads); ++i) {
    workers_.push_back(std::make_unique<Worker>(shared_));
  }
}

absl::StatusOr<std::unique_ptr<HttpServer>> BeastHttpServer::Start(const HttpServerOptions& options,
                                                                   HttpHandler handler) {
  std::unique_ptr<BeastHttpServer> server(new BeastHttpServer(options, std::move(handler)));
  if (options.tls) RETURN_IF_ERROR(server->SetCertificate(*options.tls));
  RETURN_IF_ERROR(Annotate(server->Listen(), StrCat("listening on ", options.listen)));
  server->RunWorkers();
  return server;
}

absl::Status BeastHttpServer::SetCertificate(const TlsCertificate& certificate) {
  ASSIGN_OR_RETURN(TlsContext made, NewTlsContext(certificate));
  absl::MutexLock lock(&shared_.mutex);
  shared_.tls.swap(made);
  return absl::OkStatus();
}

// A socket that listens already, which this process was started with.
absl::Status BeastHttpServer::UseOpenSocket(std::string_view number) {
  int fd = -1;
  if (!absl::SimpleAtoi(ToAbsl(number), &fd) || fd <= STDERR_FILENO) {
    return absl::InvalidArgumentError("expected the number of an open socket, such as fd:3");
  }
  int listens = 0;
  socklen_t size = sizeof listens;
  sockaddr_storage address{};
  socklen_t address_size = sizeof address;
  const bool usable = getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
                      listens == 1 &&
                      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &address_size) == 0 &&
                      (address.ss_family == AF_INET || address.ss_family == AF_INET6);
  if (!usable) return absl::InvalidArgumentError("it is not a TCP socket that listens");
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  error_code ec;
  acceptor_->assign(address.ss_family == AF_INET ? Tcp::v4() : Tcp::v6(), fd, ec);
  return ec ? absl::InvalidArgumentError(ec.message()) : absl::OkStatus();
}

absl::Status BeastHttpServer::Bind() {
  const std::string& listen = shared_.options.listen;
  const size_t colon = listen.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == listen.size()) {
    return absl::InvalidArgumentError("expected HOST:PORT, such as 127.0.0.1:8080");
  }
  int port = 0;
  if (!absl::SimpleAtoi(listen.substr(colon + 1), &port) || port < 0 || port > 65535) {
    return absl::InvalidArgumentError("the port is not a number from 0 to 65535");
  }
  std::string host = listen.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  error_code ec;
  Tcp::resolver resolver(workers_[0]->io);
  const auto found = resolver.resolve(host, StrCat(port),
                                      Tcp::resolver::passive | Tcp::resolver::numeric_service, ec);
  if (ec) return absl::InvalidArgumentError(ec.message());
  const Tcp::endpoint endpoint = found.begin()->endpoint();
  acceptor_->open(endpoint.protocol(), ec);
  if (!ec) acceptor_->set_option(Acceptor::reuse_address(true), ec);
  if (!ec) acceptor_->bind(endpoint, ec);
  if (!ec) acceptor_->listen(Acceptor::max_listen_connections, ec);
  if (ec == asio::error::address_in_use) return absl::UnavailableError("the address is in use");
  return ec ? absl::InvalidArgumentError(ec.message()) : absl::OkStatus();
}

absl::Status BeastHttpServer::Listen() {
  constexpr std::string_view kOpenSocket = "fd:";
  const std::string_view listen = shared_.options.listen;
  acceptor_.emplace(workers_[0]->io.get_executor());
  RETURN_IF_ERROR(listen.starts_with(kOpenSocket) ? UseOpenSocket(listen.substr(kOpenSocket.size()))
                                                  : Bind());
  error_code ec;
  acceptor_->non_blocking(true, ec);
  if (ec) return absl::InternalError(ec.message());
  Tcp::endpoint local = acceptor_->local_endpoint(ec);
  if (local.address().is_unspecified()) {
    local.address(local.address().is_v4() ? asio::ip::address(asio::ip::address_v4::loopback())
                                          : asio::ip::address(asio::ip::address_v6::loopback()));
  }
  const std::string address = local.address().to_string();
  url_ = StrCat(shared_.options.tls ? "https" : "http", "://",
                local.address().is_v6() ? StrCat("[", address, "]") : address, ":", local.port());
  return absl::OkStatus();
}

void BeastHttpServer::RunWorkers() {
  accept_again_.emplace(workers_[0]->io);
  AwaitConnections();
  for (size_t i = 0; i < workers_.size(); ++i) {
    Worker& worker = *workers_[i];
    worker.Tick();
    worker.thread = std::thread([&worker] { worker.io.run(); });
    pthread_setname_np(worker.thread.native_handle(), StrCat("http-", i).c_str());
  }
}

void BeastHttpServer::AwaitConnections() {
  acceptor_->async_wait(Acceptor::wait_read, [this](const error_code& ec) {
    if (!ec) AcceptAll();
  });
}

// Empties the accept queue, giving connections to the workers in turn.
void BeastHttpServer::AcceptAll() {
  while (acceptor_->is_open()) {
    if (shared_.connections >= shared_.options.max_connections) {
      accept_paused_ = true;
      // A connection may have ended meanwhile; then nothing else will call this.
      if (shared_.connections >= shared_.options.max_connections) return;
      accept_paused_ = false;
    }
    Worker& worker = *workers_[next_worker_];
    error_code ec;
    Socket socket = acceptor_->accept(worker.io.get_executor(), ec);
    if (ec == asio::error::would_block) return AwaitConnections();
    if (ec == asio::error::connection_aborted) continue;
    if (ec) {  // out of descriptors or memory: others may give some back
      accept_again_->expires_after(kAcceptRetryTime);
      accept_again_->async_wait([this](const error_code& aborted) {
        if (!aborted) AcceptAll();
      });
      return;
    }
    std::string address_key;
    if (!CountAddress(socket, &address_key)) continue;  // which closes the socket
    next_worker_ = (next_worker_ + 1) % workers_.size();
    ++shared_.connections;
    asio::post(worker.io, [&worker, socket = std::move(socket),
                           address_key = std::move(address_key)]() mutable {
      auto session = std::make_shared<Session>(worker, std::move(socket), std::move(address_key));
      if (worker.shared.stopping) session->Drain();
      session->Run();
    });
  }
}

// False: the peer has as many connections as an address may have. *key is what was counted.
bool BeastHttpServer::CountAddress(const Socket& socket, std::string* key) {
  const int max = shared_.options.max_connections_per_address;
  if (max == std::numeric_limits<int>::max()) return true;
  error_code ec;
  const Tcp::endpoint peer = socket.remote_endpoint(ec);
  if (ec) return true;
  *key = AddressKey(peer.address());
  absl::MutexLock lock(&shared_.mutex);
  int& connections = shared_.by_address[*key];
  if (connections >= max) return false;
  ++connections;
  return true;
}

void BeastHttpServer::OnRoom() {
  if (!accept_paused_.exchange(false)) return;
  asio::post(workers_[0]->io, [this] { AcceptAll(); });
}

void BeastHttpServer::Stop(absl::Duration grace) {
  if (std::exchange(stopped_, true)) return;
  shared_.stopping = true;
  const bool running = workers_[0]->thread.joinable();
  if (running) {
    asio::post(workers_[0]->io, [this] {
      error_code ec;
      acceptor_->close(ec);
      accept_again_->cancel();
    });
    for (const auto& worker : workers_) {
      asio::post(worker->io, [&worker = *worker] {
        for (const auto& session : worker.AllSessions()) session->Drain();
      });
    }
    const auto none_left = [this] { return shared_.connections == 0; };
    absl::MutexLock lock(&shared_.mutex);
    shared_.mutex.AwaitWithTimeout(absl::Condition(&none_left), grace);
  }
  for (const auto& worker : workers_) worker->late_responses->Close();
  for (const auto& worker : workers_) worker->io.stop();
  for (const auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
  }
  // Sessions that pending operations still hold are destroyed with their io_context.
  shared_.on_room = [] {};
  acceptor_.reset();
  accept_again_.reset();
  workers_.clear();
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                              HttpHandler handler) {
  return BeastHttpServer::Start(options, std::move(handler));
}

}  // namespace millrace
