// Receives events of objects by HTTP, and responds when these objects are imported: for Eventarc,
// Pub/Sub push, Cloud Run, Cloud Functions, Lambda, EventBridge, SNS and Event Grid.
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
  // After it the response is 503: the sender sends again, and objects imported meanwhile are done.
  absl::Duration request_timeout = absl::Seconds(540);
  std::string token;  // that requests must carry; empty: none is required
  // The project of traces in log lines; empty: only the trace ids are logged.
  std::string google_project;
  size_t max_body_bytes = 1 << 20;
  int max_connections = 512;
};

// POST to any path: a storage event (storage_event.h). 200 when each of its objects is imported,
// was imported before, or does not belong to this watch; 503 with Retry-After if it must be sent
// again; 422 if an object cannot be read; 400 if it is not an event; 401 without the token. GET
// /healthz, /readyz, /metrics. OPTIONS: the handshake of CloudEvents webhooks.
class HttpTrigger : public Trigger {
 public:
  // Listens on return. All arguments outlive it.
  static absl::StatusOr<std::unique_ptr<HttpTrigger>> Start(const HttpTriggerOptions& options,
                                                            NotificationRouter& router,
                                                            WatchProgress& progress,
                                                            std::function<std::string()> metrics);
  // Completes open requests, for some seconds at most.
  ~HttpTrigger() override;

  std::string url() const { return server_->url(); }
  // From now on the response to new requests is 503.
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
