#include "watch/http_trigger.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/access_token.h"
#include "net/metrics_server.h"
#include "watch/object_log.h"
#include "watch/storage_event.h"

namespace millrace::watch {
namespace {

constexpr std::string_view kRetryAfterSeconds = "10";

ServerResponse JsonResponse(int status, std::string_view key, std::string_view text) {
  ServerResponse reply{.status = status};
  reply.body = StrCat("{\"", key, "\":");
  AppendJsonString(reply.body, text);
  reply.body += "}\n";
  if (status == 503) reply.headers = {{"Retry-After", std::string(kRetryAfterSeconds)}};
  return reply;
}

int StatusOf(NotificationOutcome outcome) {
  switch (outcome) {
    case NotificationOutcome::kImported:
    case NotificationOutcome::kDoneBefore:
    case NotificationOutcome::kConfigChanged:
    case NotificationOutcome::kGone:
    case NotificationOutcome::kIgnored:
      return 200;
    case NotificationOutcome::kFailed:
      return 422;
    case NotificationOutcome::kHeld:
    case NotificationOutcome::kBusy:
    case NotificationOutcome::kStopped:
      return 503;
  }
  return 503;
}

void AppendResult(const NotificationResult& result, std::string& out) {
  out += "{\"object\":";
  AppendJsonString(out, result.object.uri);
  StrAppend(&out, ",\"outcome\":\"", NameOf(result.outcome), "\"");
  if (result.outcome == NotificationOutcome::kImported) {
    StrAppend(&out, ",\"accepted\":", result.counts.accepted,
              ",\"rejected\":", result.counts.rejected, ",\"filtered\":", result.counts.filtered);
  }
  if (!result.status.ok()) {
    out += ",\"error\":";
    AppendJsonString(out, ToStd(result.status.message()));
  }
  out += '}';
}

// Whether the failure may be temporary.
bool IsPassing(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status) || absl::IsFailedPrecondition(status);
}

}  // namespace

// The response to one request, assembled as its objects get their results.
class HttpTrigger::Answer {
 public:
  Answer(size_t objects, std::shared_ptr<PendingResponse> reply)
      : missing_(objects), reply_(std::move(reply)) {}

  void Add(const NotificationResult& result) {
    absl::MutexLock lock(&mutex_);
    const bool passing = result.outcome == NotificationOutcome::kFailed && IsPassing(result.status);
    status_ = std::max(status_, passing ? 503 : StatusOf(result.outcome));
    body_ += body_.empty() ? "{\"objects\":[" : ",";
    AppendResult(result, body_);
    if (--missing_ > 0) return;
    ServerResponse reply{.status = status_, .body = body_ + "]}\n"};
    if (status_ == 503) reply.headers = {{"Retry-After", std::string(kRetryAfterSeconds)}};
    reply_->Send(std::move(reply));
  }

 private:
  absl::Mutex mutex_;
  size_t missing_ ABSL_GUARDED_BY(mutex_);
  int status_ ABSL_GUARDED_BY(mutex_) = 200;
  std::string body_ ABSL_GUARDED_BY(mutex_);
  const std::shared_ptr<PendingResponse> reply_;
};

absl::StatusOr<std::unique_ptr<HttpTrigger>> HttpTrigger::Start(
    const HttpTriggerOptions& options, NotificationRouter& router, WatchProgress& progress,
    std::function<std::string()> metrics) {
  auto trigger = absl::WrapUnique(new HttpTrigger(options, router, progress, std::move(metrics)));
  HttpServerOptions server;
  server.listen = options.listen;
  server.max_body_bytes = options.max_body_bytes;
  server.max_connections = options.max_connections;
  ASSIGN_OR_RETURN(trigger->server_,
                   HttpServer::Start(server, [self = trigger.get()](const ServerRequest& request) {
                     return self->Handle(request);
                   }));
  return trigger;
}

HttpTrigger::HttpTrigger(const HttpTriggerOptions& options, NotificationRouter& router,
                         WatchProgress& progress, std::function<std::string()> metrics)
    : options_(options), router_(router), progress_(progress), metrics_(std::move(metrics)) {}

HttpTrigger::~HttpTrigger() {
  if (server_ != nullptr) server_->Stop();
}

bool HttpTrigger::MayEnter(const ServerRequest& request) const {
  return options_.token.empty() || HasToken(request.header("authorization"), options_.token);
}

ServerResponse HttpTrigger::Handle(const ServerRequest& request) {
  const bool get = request.method == "GET" || request.method == "HEAD";
  if (get && request.path != "/metrics") return HandleGet(request);
  if (!MayEnter(request)) {
    ServerResponse reply = JsonResponse(
        401, "error",
        "the token of MILLRACE_WATCH_TOKEN is missing or wrong (Authorization header)");
    reply.headers = {{"WWW-Authenticate", "Bearer"}};
    return reply;
  }
  if (get) return MetricsResponse(metrics_());
  if (request.method == "POST") return HandlePost(request);
  if (request.method == "OPTIONS") {
    ServerResponse reply{.status = 200};
    const std::string origin(request.header("webhook-request-origin"));
    if (!origin.empty()) reply.headers.emplace_back("WebHook-Allowed-Origin", origin);
    reply.headers.emplace_back("WebHook-Allowed-Rate", "*");
    reply.headers.emplace_back("Allow", "POST, GET, OPTIONS");
    return reply;
  }
  return JsonResponse(405, "error", "unsupported method; POST an event");
}

ServerResponse HttpTrigger::HandleGet(const ServerRequest& request) {
  if (request.path == "/healthz") return JsonResponse(200, "status", "ok");
  if (request.path == "/readyz") {
    return stopped_ ? JsonResponse(503, "status", "stopping")
                    : JsonResponse(200, "status", "ready");
  }
  return JsonResponse(404, "error",
                      "not found; GET /healthz, /readyz or /metrics, or POST an event");
}

ServerResponse HttpTrigger::HandlePost(const ServerRequest& request) {
  if (stopped_) return JsonResponse(503, "error", "the watch is stopping; send the event again");
  absl::StatusOr<StorageEvents> parsed = ParseStorageEvents(request.header, request.body);
  if (!parsed.ok()) return JsonResponse(400, "error", ToStd(parsed.status().message()));
  if (!parsed->confirmation_url.empty()) {
    Log(Severity::kWarning, "SNS asks to confirm the subscription: open the URL to confirm it",
        {{"url", parsed->confirmation_url}});
  }
  if (!parsed->validation_code.empty()) {
    return JsonResponse(200, "validationResponse", parsed->validation_code);
  }
  if (parsed->objects.empty()) return ServerResponse{.body = "{\"objects\":[]}\n"};

  Trace trace = TraceOf(request.header("traceparent"), request.header("x-cloud-trace-context"));
  if (!trace.trace_id.empty() && !options_.google_project.empty()) {
    trace.trace_id = StrCat("projects/", options_.google_project, "/traces/", trace.trace_id);
  }
  ServerResponse reply =
      JsonResponse(503, "error", "not imported within --request-timeout; send the event again");
  reply.later_timeout = options_.request_timeout;
  const absl::Duration begun = Clock::Real().Elapsed();
  reply.later = [this, trace, begun, events = std::move(parsed->objects)](
                    std::shared_ptr<PendingResponse> pending) mutable {
    const auto answer = std::make_shared<Answer>(events.size(), std::move(pending));
    for (StorageEvent& event : events) {
      ObjectNotification notification{
          .uri = std::move(event.uri), .trigger = "http", .written = event.written, .trace = trace};
      notification.ack = [this, answer, begun](const NotificationResult& result) {
        progress_.request_duration.Observe(absl::ToDoubleSeconds(Clock::Real().Elapsed() - begun));
        answer->Add(result);
      };
      router_.Offer(std::move(notification));
    }
  };
  return reply;
}

}  // namespace millrace::watch
