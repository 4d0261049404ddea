// HttpServer on Asio; requests are read by Boost.Beast's parser (http_request_parser.h). Each
// worker thread runs one io_context and owns the connections that were given to it, so nothing here
// is locked but the count that Stop() waits for.
#include <pthread.h>

#include <array>
#include <atomic>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>
#include <unordered_set>

#include "absl/strings/numbers.h"
#include "absl/synchronization/mutex.h"
#include "base/byte_buffer.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/http_reply.h"
#include "net/http_request_parser.h"
#include "net/http_server.h"

namespace millrace {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;
using Executor = asio::io_context::executor_type;
using Tcp = asio::ip::tcp;
using Socket = asio::basic_stream_socket<Tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<Tcp, Executor>;
using Timer = asio::basic_waitable_timer<SteadyClock, asio::wait_traits<SteadyClock>, Executor>;

constexpr size_t kReadBytes = 8 << 10;         // least room for a read of heads
constexpr size_t kBodyReadBytes = 256 << 10;   // first room for a body; memory follows arrival
constexpr size_t kReplyBatchBytes = 64 << 10;  // answers to pipelined requests go out together
constexpr size_t kCopiedBodyBytes = 16 << 10;  // larger answers are sent from where they are
constexpr size_t kPooledBodies = 16;           // body buffers a worker keeps
constexpr size_t kMostPooledBytes = 16 << 20;  // larger ones are freed
constexpr int kRequestsPerTurn = 64;           // then the worker's other connections have theirs
constexpr auto kLingerTime = std::chrono::seconds(2);
constexpr auto kAcceptRetryTime = std::chrono::milliseconds(50);

SteadyClock::duration ToChrono(absl::Duration duration) {
  return absl::ToChronoNanoseconds(std::min(duration, absl::Hours(24 * 365)));
}

bool IsLineEnd(char c) { return c == '\r' || c == '\n'; }

class Session;

// What the workers share.
struct Shared {
  HttpServerOptions options;
  HttpHandler handler;
  std::atomic<int> connections{0};
  std::atomic<bool> stopping{false};
  std::function<void()> on_room;  // called when a connection ends
  absl::Mutex mutex;              // held while `connections` falls, so that Stop() sees it
};

struct Worker {
  explicit Worker(Shared& shared) : shared(shared), io(1), tick(io) {}

  void Tick();

  ByteBuffer TakeBodyBuffer() {
    if (bodies.empty()) return {};
    ByteBuffer buffer = std::move(bodies.back());
    bodies.pop_back();
    return buffer;
  }
  void GiveBack(ByteBuffer buffer) {
    if (bodies.size() >= kPooledBodies || buffer.capacity() > kMostPooledBytes) return;
    buffer.clear();
    bodies.push_back(std::move(buffer));
  }

  Shared& shared;
  std::vector<ByteBuffer> bodies;
  std::unordered_set<Session*> sessions;
  std::string date = HttpDate(absl::Now());
  asio::io_context io;  // destroyed first: its pending operations own the sessions
  Timer tick;
  std::thread thread;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Worker& worker, Socket socket)
      : worker_(worker),
        shared_(worker.shared),
        socket_(std::move(socket)),
        parser_(shared_.options.most_header_bytes, shared_.options.most_body_bytes) {
    worker_.sessions.insert(this);
    error_code ec;
    const Tcp::endpoint peer = socket_.remote_endpoint(ec);
    if (!ec) peer_ = peer.address().to_string();
    socket_.set_option(Tcp::no_delay(true), ec);
    socket_.non_blocking(true, ec);
    SetDeadline(shared_.options.idle_timeout);
  }
  ~Session() {
    worker_.sessions.erase(this);
    error_code ec;
    socket_.close(ec);
    {
      absl::MutexLock lock(&shared_.mutex);
      --shared_.connections;
    }
    shared_.on_room();
  }

  // Goes on until bytes must arrive or leave first.
  void Run();
  void CheckDeadline(SteadyClock::time_point now);
  // Ends an idle connection at once and a busy one after its answer.
  void Drain();
  void Close() {
    open_ = false;
    error_code ec;
    socket_.close(ec);
  }

 private:
  using Parsed = HttpRequestParser::Result;

  void SetDeadline(absl::Duration timeout) { deadline_ = SteadyClock::now() + ToChrono(timeout); }
  std::string_view unused() const { return in_.view(in_begin_, in_.size()); }
  bool unsent() const { return sent_ < out_.size() + large_.size(); }
  bool idle() const {
    return !parser_.started() && in_begin_ == in_.size() && !unsent() && !waiting_;
  }

  Parsed ParseRequest();
  Parsed ParseBody();
  void Refuse();
  void Serve();
  ServerReply CallHandler();
  void QueueReply(ServerReply reply);
  void EndRequest();
  bool SendSome();
  void PullPiece();
  void Read();
  void ReadBody();
  void Linger();

  Worker& worker_;
  Shared& shared_;
  Socket socket_;
  std::optional<Timer> delay_;
  std::string peer_;
  SteadyClock::time_point deadline_;

  ByteBuffer in_;  // bytes [in_begin_, size) were received and not used yet
  size_t in_begin_ = 0;
  HttpRequestParser parser_;  // of the request under way
  ByteBuffer body_;           // a body that did not arrive together with its head, or is chunked
  std::string_view whole_body_;

  ByteBuffer out_;  // answers to send, then `large_`
  std::string large_;
  size_t sent_ = 0;  // of both
  std::function<absl::Status(std::string*)> next_piece_;
  bool chunked_reply_ = false;
  bool keep_alive_ = true;  // false: the connection ends after what is queued
  bool refused_ = false;    // ... and the peer may still be sending
  bool abrupt_ = false;     // ... without waiting for the peer to read it
  bool waiting_ = false;    // for delay_
  bool lingering_ = false;
  bool open_ = true;
};

void Session::Run() {
  for (int served = 0; open_;) {
    const bool send_now = unsent() && (!keep_alive_ || next_piece_ || !large_.empty() ||
                                       out_.size() >= kReplyBatchBytes);
    if (send_now) {
      if (!SendSome()) return;
    } else if (next_piece_) {
      PullPiece();
    } else if (!keep_alive_) {
      return Linger();
    } else if (served >= kRequestsPerTurn) {
      return asio::post(socket_.get_executor(), [self = shared_from_this()] { self->Run(); });
    } else {
      switch (ParseRequest()) {
        case Parsed::kDone:
          ++served;
          Serve();
          if (waiting_) return;
          break;
        case Parsed::kNeedsMore:
          if (!unsent()) return parser_.head_done() && !parser_.chunked() ? ReadBody() : Read();
          if (!SendSome()) return;
          break;
        case Parsed::kRefused:
          break;
      }
    }
  }
}

Session::Parsed Session::ParseRequest() {
  if (!parser_.started()) {
    while (in_begin_ < in_.size() && IsLineEnd(in_.data()[in_begin_])) ++in_begin_;
    if (in_begin_ == in_.size()) return Parsed::kNeedsMore;
    SetDeadline(shared_.options.request_timeout);
  }
  if (!parser_.head_done()) {
    size_t used;
    const Parsed head = parser_.ParseHead(unused(), &used);
    in_begin_ += used;
    if (head == Parsed::kRefused) Refuse();
    if (head != Parsed::kDone) return head;
    const bool arrived = !parser_.chunked() && unused().size() >= parser_.content_length();
    if (!arrived) {
      body_ = worker_.TakeBodyBuffer();
      if (parser_.expects_continue()) out_.Append("HTTP/1.1 100 Continue\r\n\r\n");
    }
  }
  return ParseBody();
}

Session::Parsed Session::ParseBody() {
  size_t used;
  if (parser_.chunked()) {
    const Parsed body = parser_.ParseChunks(unused(), &used, &body_);
    in_begin_ += used;
    if (body == Parsed::kRefused) Refuse();
    whole_body_ = body_.view();
    return body;
  }
  const uint64_t size = parser_.content_length();
  if (body_.empty() && unused().size() >= size) {
    whole_body_ = unused().substr(0, size);
    in_begin_ += size;
    return Parsed::kDone;
  }
  used = std::min<size_t>(unused().size(), size - body_.size());
  body_.Append(unused().substr(0, used));
  in_begin_ += used;
  if (body_.size() < size) return Parsed::kNeedsMore;
  whole_body_ = body_.view();
  return Parsed::kDone;
}

void Session::Refuse() {
  keep_alive_ = false;
  refused_ = true;
  QueueReply(ErrorReply(parser_.refusal_status(), parser_.refusal()));
}

ServerReply Session::CallHandler() {
  std::string_view target = parser_.target();
  if (!target.starts_with('/')) {  // absolute form, as proxies send it
    const size_t scheme = target.find("://");
    const size_t path = scheme == std::string_view::npos ? scheme : target.find('/', scheme + 3);
    if (path != std::string_view::npos) target.remove_prefix(path);
  }
  ServerRequest request;
  request.method = parser_.method();
  const size_t question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string_view::npos) request.query = target.substr(question + 1);
  request.body = whole_body_;
  request.peer_address = peer_;
  request.header = [this](std::string_view name) { return parser_.Header(name); };
  return shared_.handler(request);
}

void Session::Serve() {
  ServerReply reply = CallHandler();
  keep_alive_ = parser_.keep_alive();
  if (reply.delay <= absl::ZeroDuration()) {
    QueueReply(std::move(reply));
    EndRequest();
    return;
  }
  waiting_ = true;
  deadline_ = SteadyClock::time_point::max();
  delay_.emplace(socket_.get_executor(), ToChrono(reply.delay));
  delay_->async_wait(
      [self = shared_from_this(), reply = std::move(reply)](const error_code&) mutable {
        self->waiting_ = false;
        if (!self->open_) return;
        self->SetDeadline(self->shared_.options.request_timeout);
        self->QueueReply(std::move(reply));
        self->EndRequest();
        self->Run();
      });
}

void Session::QueueReply(ServerReply reply) {
  if (reply.cut) abrupt_ = true;
  if (reply.cut || shared_.stopping) keep_alive_ = false;
  const int minor = parser_.http_minor();
  const size_t begin = out_.size();
  chunked_reply_ = reply.next_piece != nullptr && minor > 0;
  if (reply.next_piece && minor == 0) keep_alive_ = false;
  AppendReplyHead(reply, {worker_.date, minor, keep_alive_}, &out_);
  if (parser_.method() != "HEAD" && StatusHasBody(reply.status)) {
    if (reply.next_piece) {
      next_piece_ = std::move(reply.next_piece);
    } else if (reply.body.size() <= kCopiedBodyBytes || reply.cut) {
      out_.Append(reply.body);
    } else {
      large_ = std::move(reply.body);
    }
  }
  if (reply.cut) {
    next_piece_ = nullptr;
    out_.Truncate(std::min(out_.size(), begin + reply.cut_after));
  }
}

void Session::EndRequest() {
  if (body_.capacity() > 0) worker_.GiveBack(std::exchange(body_, {}));
  parser_.Reset();
  whole_body_ = {};
  if (in_begin_ == in_.size()) {
    in_.clear();
    in_begin_ = 0;
  }
}

// Sends what is queued; true if all of it is out, else Run() is called when it is.
bool Session::SendSome() {
  while (unsent()) {
    const size_t head = std::min(sent_, out_.size());
    const std::array<asio::const_buffer, 2> buffers = {
        asio::const_buffer(out_.data() + head, out_.size() - head),
        asio::const_buffer(large_.data() + (sent_ - head), large_.size() - (sent_ - head))};
    error_code ec;
    const size_t n = socket_.write_some(buffers, ec);
    if (ec == asio::error::would_block) {
      SetDeadline(shared_.options.request_timeout);
      socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const error_code& failed) {
        if (failed) return self->Close();
        if (self->SendSome()) self->Run();
      });
      return false;
    }
    if (ec) {
      Close();
      return false;
    }
    sent_ += n;
  }
  out_.clear();
  large_ = {};
  sent_ = 0;
  return true;
}

void Session::PullPiece() {
  std::string piece;
  if (const absl::Status status = next_piece_(&piece); !status.ok()) {
    Close();
    return;
  }
  SetDeadline(shared_.options.request_timeout);
  if (piece.empty()) next_piece_ = nullptr;
  if (chunked_reply_) {
    AppendChunk(piece, &out_);
  } else {
    large_ = std::move(piece);
  }
}

void Session::Read() {
  if (in_begin_ > 0) {
    std::memmove(in_.data(), in_.data() + in_begin_, in_.size() - in_begin_);
    in_.Truncate(in_.size() - in_begin_);
    in_begin_ = 0;
  }
  if (!parser_.started()) SetDeadline(shared_.options.idle_timeout);
  char* to = in_.Reserve(kReadBytes);
  socket_.async_read_some(asio::buffer(to, in_.capacity() - in_.size()),
                          [self = shared_from_this()](const error_code& ec, size_t n) {
                            if (ec) return self->Close();
                            self->in_.Commit(n);
                            self->Run();
                          });
}

void Session::ReadBody() {
  const size_t missing = parser_.content_length() - body_.size();
  const size_t room = std::min(missing, std::max(kBodyReadBytes, body_.size()));
  char* to = body_.Reserve(room);
  socket_.async_read_some(asio::buffer(to, std::min(missing, body_.capacity() - body_.size())),
                          [self = shared_from_this()](const error_code& ec, size_t n) {
                            if (ec) return self->Close();
                            self->body_.Commit(n);
                            self->Run();
                          });
}

// Closes so that the peer can still read what was sent: a socket closed over unread bytes would
// reset the connection.
void Session::Linger() {
  if (abrupt_ || (shared_.stopping && !refused_)) return Close();
  if (!lingering_) {
    lingering_ = true;
    deadline_ = SteadyClock::now() + kLingerTime;
    error_code ec;
    socket_.shutdown(Socket::shutdown_send, ec);
    if (ec) return Close();
  }
  in_.clear();
  in_begin_ = 0;
  in_.Reserve(kReadBytes);
  socket_.async_read_some(asio::buffer(in_.data(), in_.capacity()),
                          [self = shared_from_this()](const error_code& ec, size_t) {
                            if (ec) return self->Close();
                            self->Linger();
                          });
}

void Session::CheckDeadline(SteadyClock::time_point now) {
  if (!open_ || now < deadline_) return;
  if (parser_.started() && !unsent() && !lingering_) {
    QueueReply(ErrorReply(408, "the request did not arrive in time"));
    error_code ec;
    socket_.write_some(asio::const_buffer(out_.data(), out_.size()), ec);
  }
  Close();
}

void Session::Drain() {
  if (idle() || (lingering_ && !refused_)) {
    Close();
  } else if (!parser_.started()) {
    keep_alive_ = false;
  }
}

// Wakes up several times per shortest timeout.
void Worker::Tick() {
  const absl::Duration shortest =
      std::min(shared.options.idle_timeout, shared.options.request_timeout);
  tick.expires_after(
      ToChrono(std::clamp(shortest / 8, absl::Milliseconds(2), absl::Milliseconds(500))));
  tick.async_wait([this](const error_code& ec) {
    if (ec) return;
    date = HttpDate(absl::Now());
    const SteadyClock::time_point now = SteadyClock::now();
    std::vector<std::shared_ptr<Session>> alive;
    alive.reserve(sessions.size());
    for (Session* session : sessions) alive.push_back(session->shared_from_this());
    for (const auto& session : alive) session->CheckDeadline(now);
    Tick();
  });
}

class BeastHttpServer final : public HttpServer {
 public:
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                           HttpHandler handler);
  ~BeastHttpServer() override { Stop(absl::Seconds(5)); }

  std::string url() const override { return url_; }
  void Stop(absl::Duration grace) override;

 private:
  BeastHttpServer(const HttpServerOptions& options, HttpHandler handler);
  absl::Status Listen();
  void RunWorkers();
  void AwaitConnections();
  void AcceptAll();
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
  RETURN_IF_ERROR(Annotate(server->Listen(), StrCat("listening on ", options.listen)));
  server->RunWorkers();
  return server;
}

absl::Status BeastHttpServer::Listen() {
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
  asio::io_context& io = workers_[0]->io;
  error_code ec;
  Tcp::resolver resolver(io);
  const auto found = resolver.resolve(host, StrCat(port),
                                      Tcp::resolver::passive | Tcp::resolver::numeric_service, ec);
  if (ec) return absl::InvalidArgumentError(ec.message());
  const Tcp::endpoint endpoint = found.begin()->endpoint();
  acceptor_.emplace(io.get_executor());
  acceptor_->open(endpoint.protocol(), ec);
  if (!ec) acceptor_->set_option(Acceptor::reuse_address(true), ec);
  if (!ec) acceptor_->bind(endpoint, ec);
  if (!ec) acceptor_->listen(Acceptor::max_listen_connections, ec);
  if (!ec) acceptor_->non_blocking(true, ec);
  if (ec == asio::error::address_in_use) return absl::UnavailableError("the address is in use");
  if (ec) return absl::InvalidArgumentError(ec.message());
  Tcp::endpoint local = acceptor_->local_endpoint(ec);
  if (local.address().is_unspecified()) {
    local.address(local.address().is_v4() ? asio::ip::address(asio::ip::address_v4::loopback())
                                          : asio::ip::address(asio::ip::address_v6::loopback()));
  }
  const std::string address = local.address().to_string();
  url_ = local.address().is_v6() ? StrCat("http://[", address, "]:", local.port())
                                 : StrCat("http://", address, ":", local.port());
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
    if (shared_.connections >= shared_.options.most_connections) {
      accept_paused_ = true;
      // One may have ended since; then nobody else will call.
      if (shared_.connections >= shared_.options.most_connections) return;
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
    next_worker_ = (next_worker_ + 1) % workers_.size();
    ++shared_.connections;
    asio::post(worker.io, [&worker, socket = std::move(socket)]() mutable {
      auto session = std::make_shared<Session>(worker, std::move(socket));
      if (!worker.shared.stopping) session->Run();
    });
  }
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
        std::vector<std::shared_ptr<Session>> alive;
        for (Session* session : worker.sessions) alive.push_back(session->shared_from_this());
        for (const auto& session : alive) session->Drain();
      });
    }
    const auto none_left = [this] { return shared_.connections == 0; };
    absl::MutexLock lock(&shared_.mutex);
    shared_.mutex.AwaitWithTimeout(absl::Condition(&none_left), grace);
  }
  for (const auto& worker : workers_) worker->io.stop();
  for (const auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
  }
  // Sessions that are still held by pending operations go with their io_context.
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
