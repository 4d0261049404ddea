// One connection of the HTTP server, and the worker that owns it. For http_server_asio.cc only.
#ifndef MILLRACE_NET_HTTP_SESSION_INTERNAL_H_
#define MILLRACE_NET_HTTP_SESSION_INTERNAL_H_

#include <algorithm>
#include <atomic>
#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "base/byte_buffer.h"
#include "net/http_request_parser.h"
#include "net/http_server.h"
#include "net/http_transport_internal.h"
#include "net/server_response.h"

namespace millrace::http_internal {

using SteadyClock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<SteadyClock, asio::wait_traits<SteadyClock>, Executor>;

inline SteadyClock::duration ToChrono(absl::Duration duration) {
  return absl::ToChronoNanoseconds(std::min(duration, absl::Hours(24 * 365)));
}

class Session;
struct Worker;

// A response that was sent after its handler had returned.
struct LateResponse {
  std::weak_ptr<Session> session;
  uint64_t number = 0;                  // of the request
  std::optional<ServerResponse> reply;  // nullopt: the one that the handler returned
};

// From any thread to the worker of the sessions, as long as it runs. A whole group commit of a log
// may be answered at once, so its responses share one wake-up of the worker.
class LateResponses {
 public:
  explicit LateResponses(Worker& worker) : worker_(worker) {}

  void Add(LateResponse response);
  // Swaps what was added with `taken`, which is empty.
  void Take(std::vector<LateResponse>* taken);
  // The worker does not run any more.
  void Close();

 private:
  Worker& worker_;
  absl::Mutex mutex_;
  bool is_open_ ABSL_GUARDED_BY(mutex_) = true;
  std::vector<LateResponse> responses_ ABSL_GUARDED_BY(mutex_);
};

// State that the workers share.
struct Shared {
  HttpServerOptions options;
  HttpHandler handler;
  std::atomic<int> connections{0};
  std::atomic<bool> stopping{false};
  std::atomic<size_t> partial_body_bytes{0};
  std::function<void()> on_room;  // called when a connection ends
  absl::Mutex mutex;              // held while `connections` falls, so that Stop() sees it
  // If they are limited: connections by AddressKey() of their peer.
  absl::flat_hash_map<std::string, int> by_address ABSL_GUARDED_BY(mutex);
  TlsContext tls ABSL_GUARDED_BY(mutex);  // of connections that begin; null: plain HTTP

  TlsContext TlsOfNew() {
    if (!options.tls) return nullptr;
    absl::MutexLock lock(&mutex);
    return tls;
  }
};

// What counts as one address: an IPv4 address, or the network (64 bits) of an IPv6 address.
std::string AddressKey(const asio::ip::address& address);

struct Worker {
  explicit Worker(Shared& shared) : shared(shared), io(1), tick(io) {}
  ~Worker();

  // Checks the deadlines of the sessions periodically.
  void Tick();
  std::vector<std::shared_ptr<Session>> AllSessions() const;

  // Passes on what late_responses has.
  void AnswerLate();

  // Body buffers are reused.
  ByteBuffer TakeBodyBuffer();
  void GiveBack(ByteBuffer buffer);

  Shared& shared;
  std::vector<ByteBuffer> bodies;
  std::unordered_set<Session*> sessions;
  std::string date = HttpDate(absl::Now());
  const std::shared_ptr<LateResponses> late_responses = std::make_shared<LateResponses>(*this);
  std::vector<LateResponse> taken_responses;
  asio::io_context io;  // destroyed first: its pending operations own the sessions
  Timer tick;
  std::thread thread;
};

// Reads requests, calls the handler and sends its responses, only on its worker's thread. Pending
// operations keep it alive.
class Session : public std::enable_shared_from_this<Session> {
 public:
  // `address_key` is counted in Shared::by_address; empty: it is not.
  Session(Worker& worker, Socket socket, std::string address_key);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Continues until it must wait to receive or send bytes.
  void Run();
  void CheckDeadline(SteadyClock::time_point now);
  // The response to request `number`, if it still waits for one; nullopt: the fallback.
  void AnswerNumber(uint64_t number, std::optional<ServerResponse>&& reply);
  // Ends what the wait for a PendingResponse has begun; the caller holds the session.
  void StopWaiting() { self_ = nullptr; }
  // Ends an idle connection at once, and a busy one after its response. One that has had no request
  // yet, or of which bytes wait to be read, ends after that request, unless it is late.
  void Drain();
  void Close();

 private:
  class Pending;
  using Parsed = HttpRequestParser::Result;

  void SetDeadline(absl::Duration timeout) { deadline_ = SteadyClock::now() + ToChrono(timeout); }
  std::string_view unused() const { return in_.view(in_begin_, in_.size()); }
  bool unsent() const { return sent_ < out_.size() + large_.size(); }
  bool idle() const {
    return !parser_.started() && in_begin_ == in_.size() && !unsent() && !waiting_ && !late_;
  }

  Parsed ParseRequest();
  Parsed ParseBody();
  void Refuse();
  Parsed RefuseBody();
  bool CountBody(size_t bytes);
  ServerRequest Request();
  ServerResponse OwnResponse(int status, std::string_view error);
  void Serve();
  void Wait(ServerResponse&& fallback);
  void Answer(ServerResponse&& reply);
  ServerResponse CallHandler();
  void QueueResponse(ServerResponse&& reply);
  void EndRequest();
  bool SendSome();
  void PullPiece();
  void Read();
  void ReadBody();
  void Linger();

  Worker& worker_;
  Shared& shared_;
  Transport transport_;
  std::optional<Timer> delay_;     // of ServerResponse::delay; holds the session while it runs
  std::shared_ptr<Session> self_;  // holds the session while it waits for a PendingResponse
  SteadyClock::time_point answer_by_ = SteadyClock::time_point::max();  // with fallback_, then
  ServerResponse fallback_;             // the response if no other one comes
  std::optional<ServerResponse> late_;  // the awaited response, until it is queued
  uint64_t served_ = 0;                 // requests; also the number of the waiting one
  std::string peer_;
  const std::string address_key_;
  SteadyClock::time_point deadline_;
  SteadyClock::time_point request_deadline_;  // of the request whose head is arriving
  size_t counted_body_ = 0;                   // of Shared::partial_body_bytes

  ByteBuffer in_;  // bytes [in_begin_, size) were received but not used yet
  size_t in_begin_ = 0;
  HttpRequestParser parser_;  // of the request in progress
  ByteBuffer body_;           // a body that did not arrive together with its head, or is chunked
  std::string_view whole_body_;

  ByteBuffer out_;  // responses to send, then `large_`
  std::string large_;
  size_t sent_ = 0;  // of both
  std::function<absl::Status(std::string*)> next_piece_;
  bool chunked_reply_ = false;
  bool keep_alive_ = true;  // false: the connection ends after the queued responses
  bool refused_ = false;    // ... and the peer may still be sending
  bool abrupt_ = false;     // ... without waiting for the peer to read it
  bool waiting_ = false;    // for delay_ or a PendingResponse
  bool lingering_ = false;
  bool open_ = true;
};

}  // namespace millrace::http_internal

#endif  // MILLRACE_NET_HTTP_SESSION_INTERNAL_H_
