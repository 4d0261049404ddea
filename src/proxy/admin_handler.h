// What the admin listener answers: /status, /readyz and /metrics; the live page at "/", and what
// that asks for below /page/.
#ifndef MILLRACE_PROXY_ADMIN_HANDLER_H_
#define MILLRACE_PROXY_ADMIN_HANDLER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/http_server.h"
#include "proxy/background_thread.h"
#include "proxy/dead_letter_desk.h"
#include "proxy/live_page.h"
#include "proxy/public_handler.h"
#include "spool/delivery.h"
#include "spool/spool.h"

namespace millrace::proxy {

// All of them outlive the handler.
struct AdminParts {
  Spool& spool;
  const std::vector<std::unique_ptr<Delivery>>& deliveries;
  const PublicHandler& requests;
  DeadLetterDesk& dead_letters;
  std::function<int()> connections;   // of the public listener
  std::function<std::string()> url;   // of the public listener
  std::optional<ProxyDemo> demo;      // its page is at /demo
  std::string listen_host;            // of the admin listener; see CheckSameSite()
  std::string token;                  // that changes need; empty: there are none
  std::vector<Destination*> dropped;  // by POST /drop; empty: it is not allowed
  Clock& clock;
};

// Thread-safe. The page and /page/ are for browsers of this machine and refuse requests that pages
// of other sites could have caused:
//
//   GET  /page/state          the numbers of /status, and more
//   GET  /page/records        ?cursor=: LiveRecords()
//   GET  /page/dead_letters   ?code=: DeadLetterDesk::List()
//   POST /page/replay         ReplayBody(), with "Authorization: Bearer TOKEN": ReplayResponse()
//
// POST /drop, with the same authorization, makes every destination Drop(), one after another, and
// says what became of that: [{"name": ..., "result": {"status": "success"}}].
class AdminHandler {
 public:
  explicit AdminHandler(AdminParts parts) : parts_(std::move(parts)) {}

  ServerResponse Handle(const ServerRequest& request);
  // Ends a replay. Idempotent.
  void Stop() { background_.Stop(); }

 private:
  ServerResponse Status() const;
  ServerResponse Ready() const;
  ServerResponse Metrics() const;
  ServerResponse Page(const ServerRequest& request);
  ServerResponse State() const;
  ServerResponse DeadLetters(const ServerRequest& request);
  ServerResponse Replay(const ServerRequest& request);
  ServerResponse Drop(const ServerRequest& request);
  // Of a request that changes something: 401 or 403, unless it has the token.
  std::optional<ServerResponse> CheckToken(const ServerRequest& request) const;
  ServerResponse InBackground(std::function<ServerResponse(const std::stop_token&)> work);
  std::string LastErrorOf(const std::string& destination) const;

  const AdminParts parts_;
  // Lists and replays of dead letters, and drops, which may take long.
  BackgroundThread background_{/*max_waiting=*/4};
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_ADMIN_HANDLER_H_
