#include <boost/asio/post.hpp>
#include <cstring>
#include <utility>

#include "net/http_session_internal.h"

namespace millrace::http_internal {
namespace {

constexpr size_t kReadBytes = 8 << 10;            // least room for a read of heads
constexpr size_t kBodyReadBytes = 256 << 10;      // first room for a body; memory follows arrival
constexpr size_t kResponseBatchBytes = 64 << 10;  // pipelined responses are sent together
constexpr size_t kCopiedBodyBytes = 16 << 10;     // larger responses are sent without a copy
constexpr size_t kPooledBodies = 16;              // body buffers a worker keeps
constexpr size_t kMaxPooledBytes = 16 << 20;      // larger ones are freed
constexpr int kRequestsPerTurn = 64;              // then the worker's other connections continue
constexpr auto kLingerTime = std::chrono::seconds(2);
// How long a server that stops waits for the first request of a connection that it has accepted.
constexpr auto kFirstRequestTime = std::chrono::milliseconds(500);

bool IsLineEnd(char c) { return c == '\r' || c == '\n'; }

}  // namespace

void LateResponses::Add(LateResponse response) {
  absl::MutexLock lock(&mutex_);
  if (!is_open_) return;
  responses_.push_back(std::move(response));
  if (responses_.size() > 1) return;  // the worker will see it
  asio::post(worker_.io, [&worker = worker_] { worker.AnswerLate(); });
}

void LateResponses::Take(std::vector<LateResponse>* taken) {
  absl::MutexLock lock(&mutex_);
  responses_.swap(*taken);
}

void LateResponses::Close() {
  absl::MutexLock lock(&mutex_);
  is_open_ = false;
}

Worker::~Worker() {
  for (const auto& session : AllSessions()) session->StopWaiting();
}

std::vector<std::shared_ptr<Session>> Worker::AllSessions() const {
  std::vector<std::shared_ptr<Session>> all;
  all.reserve(sessions.size());
  for (Session* session : sessions) all.push_back(session->shared_from_this());
  return all;
}

void Worker::AnswerLate() {
  late_responses->Take(&taken_responses);
  for (LateResponse& late : taken_responses) {
    if (const auto session = late.session.lock()) {
      session->AnswerNumber(late.number, std::move(late.reply));
    }
  }
  taken_responses.clear();
}

ByteBuffer Worker::TakeBodyBuffer() {
  if (bodies.empty()) return {};
  ByteBuffer buffer = std::move(bodies.back());
  bodies.pop_back();
  return buffer;
}

void Worker::GiveBack(ByteBuffer buffer) {
  if (bodies.size() >= kPooledBodies || buffer.capacity() > kMaxPooledBytes) return;
  buffer.clear();
  bodies.push_back(std::move(buffer));
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
    for (const auto& session : AllSessions()) session->CheckDeadline(now);
    Tick();
  });
}

std::string AddressKey(const asio::ip::address& address) {
  constexpr size_t kNetworkBytes = 8;
  if (address.is_v4()) return address.to_string();
  const asio::ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_string();
  const auto bytes = v6.to_bytes();
  return std::string(reinterpret_cast<const char*>(bytes.data()), kNetworkBytes);
}

Session::Session(Worker& worker, Socket socket, std::string address_key)
    : worker_(worker),
      shared_(worker.shared),
      transport_(std::move(socket), shared_.TlsOfNew()),
      address_key_(std::move(address_key)),
      parser_(shared_.options.max_header_bytes, shared_.options.max_body_bytes,
              shared_.options.max_headers) {
  worker_.sessions.insert(this);
  error_code ec;
  Socket& own = transport_.socket();
  const Tcp::endpoint peer = own.remote_endpoint(ec);
  if (!ec) peer_ = peer.address().to_string();
  own.set_option(Tcp::no_delay(true), ec);
  own.non_blocking(true, ec);
  SetDeadline(shared_.options.idle_timeout);
}

Session::~Session() {
  worker_.sessions.erase(this);
  error_code ec;
  transport_.socket().close(ec);
  CountBody(0);
  {
    absl::MutexLock lock(&shared_.mutex);
    --shared_.connections;
    const auto same = shared_.by_address.find(address_key_);
    if (same != shared_.by_address.end() && --same->second == 0) shared_.by_address.erase(same);
  }
  shared_.on_room();
}

void Session::Run() {
  if (waiting_) {
    deadline_ = SteadyClock::time_point::max();
    return;
  }
  if (late_) {
    QueueResponse(*std::exchange(late_, std::nullopt));
    EndRequest();
  }
  for (int served = 0; open_;) {
    const bool send_now = unsent() && (!keep_alive_ || next_piece_ || !large_.empty() ||
                                       out_.size() >= kResponseBatchBytes);
    if (send_now) {
      if (!SendSome()) return;
    } else if (next_piece_) {
      PullPiece();
    } else if (!keep_alive_) {
      return Linger();
    } else if (served >= kRequestsPerTurn) {
      return asio::post(transport_.socket().get_executor(),
                        [self = shared_from_this()] { self->Run(); });
    } else {
      switch (ParseRequest()) {
        case Parsed::kDone:
          ++served;
          Serve();
          if (!waiting_) break;
          SendSome();  // responses to earlier requests
          return;
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
    request_deadline_ = deadline_;
    deadline_ = std::min(deadline_, SteadyClock::now() + ToChrono(shared_.options.header_timeout));
  }
  if (!parser_.head_done()) {
    size_t used;
    const Parsed head = parser_.ParseHead(unused(), &used);
    in_begin_ += used;
    if (head == Parsed::kRefused) Refuse();
    if (head != Parsed::kDone) return head;
    deadline_ = request_deadline_;
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
    if (body != Parsed::kRefused && !CountBody(body_.size())) return RefuseBody();
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
  if (!CountBody(body_.size())) return RefuseBody();
  if (body_.size() < size) return Parsed::kNeedsMore;
  whole_body_ = body_.view();
  return Parsed::kDone;
}

void Session::Refuse() {
  keep_alive_ = false;
  refused_ = true;
  QueueResponse(OwnResponse(parser_.refusal_status(), parser_.refusal()));
}

Session::Parsed Session::RefuseBody() {
  keep_alive_ = false;
  refused_ = true;
  ServerResponse reply = OwnResponse(503, "too many request bodies are arriving; try again later");
  reply.headers.emplace_back("Retry-After", "5");
  QueueResponse(std::move(reply));
  body_ = {};
  CountBody(0);
  return Parsed::kRefused;
}

// False: all bodies together have more bytes than allowed.
bool Session::CountBody(size_t bytes) {
  if (bytes == counted_body_) return true;
  const size_t added = bytes - counted_body_;  // modulo 2^64
  const size_t all = shared_.partial_body_bytes.fetch_add(added) + added;
  const bool grows = bytes > counted_body_;
  counted_body_ = bytes;
  return !grows || all <= shared_.options.max_partial_body_bytes;
}

// The server's own response to the request that is arriving.
ServerResponse Session::OwnResponse(int status, std::string_view error) {
  ServerResponse reply = ErrorResponse(status, error);
  if (shared_.options.on_refusal) {
    ServerRequest request = Request();
    request.body = {};
    shared_.options.on_refusal(request, &reply);
  }
  return reply;
}

ServerRequest Session::Request() {
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
  request.joined_header = [this](std::string_view name) { return parser_.JoinedHeader(name); };
  return request;
}

ServerResponse Session::CallHandler() { return shared_.handler(Request()); }

// Reaches the session only through its worker: sessions live and end on its thread.
class Session::Pending final : public PendingResponse {
 public:
  Pending(Session& session, uint64_t number)
      : responses_(session.worker_.late_responses),
        session_(session.weak_from_this()),
        number_(number) {}
  ~Pending() override {
    if (!sent_) responses_->Add({std::move(session_), number_, std::nullopt});
  }

  void Send(ServerResponse reply) override {
    if (!sent_.exchange(true)) responses_->Add({session_, number_, std::move(reply)});
  }

 private:
  const std::shared_ptr<LateResponses> responses_;
  std::weak_ptr<Session> session_;
  const uint64_t number_;
  std::atomic<bool> sent_{false};
};

void Session::Serve() {
  ServerResponse reply = CallHandler();
  keep_alive_ = parser_.keep_alive();
  ++served_;
  if (reply.later != nullptr) {
    const auto later = std::exchange(reply.later, nullptr);
    answer_by_ = SteadyClock::now() + ToChrono(reply.later_timeout);
    self_ = shared_from_this();
    Wait(std::move(reply));
    later(std::make_shared<Pending>(*this, served_));
  } else if (reply.delay > absl::ZeroDuration()) {
    delay_.emplace(transport_.socket().get_executor(), ToChrono(reply.delay));
    delay_->async_wait([self = shared_from_this()](const error_code& cancelled) {
      if (!cancelled) self->Answer(std::move(self->fallback_));
    });
    Wait(std::move(reply));
  } else {
    QueueResponse(std::move(reply));
    EndRequest();
  }
}

void Session::Wait(ServerResponse&& fallback) {
  waiting_ = true;
  deadline_ = SteadyClock::time_point::max();
  fallback_ = std::move(fallback);
}

void Session::AnswerNumber(uint64_t number, std::optional<ServerResponse>&& reply) {
  if (!waiting_ || number != served_) return;
  Answer(reply ? *std::move(reply) : std::move(fallback_));
}

void Session::Answer(ServerResponse&& reply) {
  waiting_ = false;
  answer_by_ = SteadyClock::time_point::max();
  StopWaiting();
  if (!open_) return;
  SetDeadline(shared_.options.request_timeout);
  if (unsent()) {  // then Run() is called when the rest is sent
    late_ = std::move(reply);
    return;
  }
  QueueResponse(std::move(reply));
  EndRequest();
  Run();
}

void Session::QueueResponse(ServerResponse&& reply) {
  if (reply.cut) abrupt_ = true;
  if (reply.cut || shared_.stopping) keep_alive_ = false;
  const int minor = parser_.http_minor();
  const size_t begin = out_.size();
  chunked_reply_ = reply.next_piece != nullptr && minor > 0;
  if (reply.next_piece && minor == 0) keep_alive_ = false;
  AppendResponseHead(reply, {worker_.date, minor, keep_alive_}, &out_);
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
  CountBody(0);
  parser_.Reset();
  whole_body_ = {};
  if (in_begin_ == in_.size()) {
    in_.clear();
    in_begin_ = 0;
  }
}

// Sends what is queued; true if all of it is sent, else Run() is called when it is.
bool Session::SendSome() {
  while (unsent()) {
    const size_t head = std::min(sent_, out_.size());
    const Buffers buffers = {
        asio::const_buffer(out_.data() + head, out_.size() - head),
        asio::const_buffer(large_.data() + (sent_ - head), large_.size() - (sent_ - head))};
    error_code ec;
    const size_t n = transport_.WriteSome(buffers, ec);
    if (ec == asio::error::would_block) {
      SetDeadline(shared_.options.request_timeout);
      transport_.AsyncWaitToWrite([self = shared_from_this()](const error_code& failed) {
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
  if (!parser_.started()) {
    SetDeadline(transport_.ready() ? shared_.options.idle_timeout
                                   : shared_.options.request_timeout);
  }
  char* to = in_.Reserve(kReadBytes);
  transport_.AsyncReadSome(asio::buffer(to, in_.capacity() - in_.size()),
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
  transport_.AsyncReadSome(asio::buffer(to, std::min(missing, body_.capacity() - body_.size())),
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
    transport_.ShutdownSend(ec);
    if (ec) return Close();
  }
  in_.clear();
  in_begin_ = 0;
  in_.Reserve(kReadBytes);
  transport_.socket().async_read_some(asio::buffer(in_.data(), in_.capacity()),
                                      [self = shared_from_this()](const error_code& ec, size_t) {
                                        if (ec) return self->Close();
                                        self->Linger();
                                      });
}

void Session::Close() {
  open_ = false;
  error_code ec;
  transport_.socket().close(ec);
}

void Session::CheckDeadline(SteadyClock::time_point now) {
  if (!open_) return;
  if (now >= answer_by_) return Answer(std::move(fallback_));
  if (now < deadline_) return;
  if (parser_.started() && !unsent() && !lingering_) {
    QueueResponse(OwnResponse(408, "the request did not arrive in time"));
    error_code ec;
    transport_.WriteSome({asio::const_buffer(out_.data(), out_.size())}, ec);
  }
  Close();
}

void Session::Drain() {
  error_code ec;
  const bool has_sent = transport_.socket().available(ec) > 0;
  if (idle() && (served_ == 0 || has_sent)) {
    deadline_ = std::min(deadline_, SteadyClock::now() + kFirstRequestTime);
  } else if (idle() || (lingering_ && !refused_)) {
    Close();
  } else if (!parser_.started()) {
    keep_alive_ = false;
  }
}

}  // namespace millrace::http_internal
