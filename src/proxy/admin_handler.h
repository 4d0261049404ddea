// What the admin listener answers: /status, /readyz and /metrics.
#ifndef MILLRACE_PROXY_ADMIN_HANDLER_H_
#define MILLRACE_PROXY_ADMIN_HANDLER_H_

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/http_server.h"
#include "proxy/pass_through.h"
#include "proxy/public_handler.h"
#include "spool/delivery.h"
#include "spool/spool.h"

namespace millrace::proxy {

// Thread-safe. All arguments outlive it.
class AdminHandler {
 public:
  AdminHandler(Spool& spool, const std::vector<std::unique_ptr<Delivery>>& deliveries,
               const PublicHandler& requests, Clock& clock)
      : spool_(spool), deliveries_(deliveries), requests_(requests), clock_(clock) {}

  ServerResponse Handle(const ServerRequest& request) const;

 private:
  ServerResponse Status() const;
  ServerResponse Ready() const;
  ServerResponse Metrics() const;
  std::string LastErrorOf(const std::string& destination) const;

  Spool& spool_;
  const std::vector<std::unique_ptr<Delivery>>& deliveries_;
  const PublicHandler& requests_;
  Clock& clock_;
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_ADMIN_HANDLER_H_
