// Requests that tell of objects, answered when these are imported: for Eventarc, Pub/Sub push,
// Cloud Run, Cloud Functions, Lambda, EventBridge, SNS and Event Grid.
#ifndef MILLRACE_WATCH_HTTP_TRIGGER_H_
#define MILLRACE_WATCH_HTTP_TRIGGER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "net/http_server.h"
#include "watch/notification_router.h"
#include "watch/trigger.h"
#include "watch/watch_progress.h"

namespace millrace::watch {

struct HttpTriggerOptions {
  std::string listen;  // host:port
  // 503 past it: the sender tells again, and what was imported meanwhile is done.
  absl::Duration request_timeout = absl::Seconds(540);
  std::string token;  // that requests must carry; empty: none is asked for
  // Of traces in log lines: the project that they are in; empty: only their ids are logged.
  std::string google_project;
  size_t max_body_bytes = 1 << 20;
  int max_connections = 512;
};

// POST of any path: a storage event (storage_event.h). 200 once each object of it is imported, was
// before, or is none of this watch; 503 with Retry-After where it must be sent again; 422 where an
// object cannot be read; 400 for what is no event, 401 without the token.
// GET /healthz, /readyz, /metrics. OPTIONS: the handshake of CloudEvents webhooks.
class HttpTrigger : public Trigger {
 public:
  // Listening on return. All arguments outlive it.
  static absl::StatusOr<std::unique_ptr<HttpTrigger>> Start(const HttpTriggerOptions& options,
                                                            NotificationRouter& router,
                                                            WatchProgress& progress,
                                                            std::function<std::string()> metrics);
  // Answers what is open, for some seconds at most.
  ~HttpTrigger() override;

  std::string url() const { return server_->url(); }
  // New requests are answered with 503.
  void Stop() override { stopped_ = true; }

 private:
  class Answer;

  HttpTrigger(const HttpTriggerOptions& options, NotificationRouter& router,
              WatchProgress& progress, std::function<std::string()> metrics);

  ServerResponse Handle(const ServerRequest& request);
  ServerResponse HandleGet(const ServerRequest& request);
  ServerResponse HandlePost(const ServerRequest& request);
  bool MayEnter(const ServerRequest& request) const;

  const HttpTriggerOptions options_;
  NotificationRouter& router_;
  WatchProgress& progress_;
  const std::function<std::string()> metrics_;
  std::atomic<bool> stopped_{false};
  std::unique_ptr<HttpServer> server_;  // last
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_HTTP_TRIGGER_H_
