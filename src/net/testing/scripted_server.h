// A loopback server that responds with scripted bytes, for tests of clients over a real socket.
#ifndef MILLRACE_NET_TESTING_SCRIPTED_SERVER_H_
#define MILLRACE_NET_TESTING_SCRIPTED_SERVER_H_

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "net/testing/test_certificate.h"

namespace millrace {

struct ScriptedRequest {
  std::string head;  // request line and headers, up to the empty line
  std::string body;
  int connection = 0;  // counted from 1

  std::string line() const { return head.substr(0, head.find("\r\n")); }
  // The first header of that name (any case), or "".
  std::string header(std::string_view name) const;
};

// What the server does once it has read a request.
struct ScriptedResponse {
  std::string bytes;                       // status line, headers and body, as they go out
  absl::Notification* wait_for = nullptr;  // before sending
  bool close = false;                      // the connection, after `bytes`
  bool hang = false;  // after `bytes`: sends nothing more until the client goes away

  // A complete response with Content-Length.
  static ScriptedResponse Answer(int status, std::string_view body,
                                 std::vector<std::pair<std::string, std::string>> headers = {});
  // The first `bytes` bytes of this one, then the connection is closed.
  ScriptedResponse CutAfter(size_t bytes) &&;
};

struct ScriptedServerOptions {
  std::optional<TestCertificate> tls;
  bool answers_before_body = false;  // reads only the request's head
};

// One thread per connection. The destructor closes what is open and joins.
class ScriptedServer {
 public:
  // Called on connection threads, one at a time.
  using Script = std::function<ScriptedResponse(const ScriptedRequest&)>;
  explicit ScriptedServer(Script script, ScriptedServerOptions options = {});
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string url() const;  // "http://127.0.0.1:41234"
  int port() const { return port_; }
  int connections() const;
  std::vector<ScriptedRequest> requests() const;

 private:
  class Stream;
  void Accept();
  void Serve(int socket, int connection);
  bool ServeOne(Stream& stream, int connection, std::string& received);

  const Script script_;
  const ScriptedServerOptions options_;
  int listener_ = -1;
  int port_ = 0;
  absl::Mutex script_mutex_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<int> sockets_ ABSL_GUARDED_BY(mutex_);
  std::vector<ScriptedRequest> requests_ ABSL_GUARDED_BY(mutex_);
  std::list<std::jthread> connection_threads_ ABSL_GUARDED_BY(mutex_);
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
  std::jthread acceptor_;
};

}  // namespace millrace

#endif  // MILLRACE_NET_TESTING_SCRIPTED_SERVER_H_
