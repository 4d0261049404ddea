// The public listener: what Mixpanel's SDKs talk to instead of Mixpanel.
//
// Responses to /track, /engage, /groups are the two that work for every SDK (`1`, or
// {"error":null,"status":1} if `verbose` is set), once all of the request is on stable storage: the
// good records in the record log, the others in RejectedRecords. A record is never answered with a
// status above 400, because some SDKs would send it forever and others drop the whole batch.
// /import answers with a result for each event, as Mixpanel does, unless `strict=0` or a form asks
// for the same two responses.
//
// 503 with Retry-After: nothing of the request is promised, send it again (the log is full or does
// not respond, too many bytes are in flight). Ids of events stay the same then.
//
// A body that is too large is answered with 413, for which the JavaScript SDK halves its batch. The
// same body as JSON on /track, /engage and /groups is answered with 503 instead, because the
// Objective-C SDK drops a batch for 413; it and others then keep it.
#ifndef MILLRACE_PROXY_PUBLIC_HANDLER_H_
#define MILLRACE_PROXY_PUBLIC_HANDLER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "net/http_server.h"
#include "proxy/client_address.h"
#include "proxy/pass_through.h"
#include "proxy/record_appender.h"
#include "proxy/rejected_records.h"
#include "proxy/request_stats.h"
#include "proxy/routes.h"
#include "proxy/token_rules.h"

namespace millrace::proxy {

struct PublicHandlerOptions {
  RouteOptions routes;
  std::vector<std::string> allowed_origins;  // empty: all
  ClientAddressOptions addresses;
  size_t max_body_bytes = 10 << 20;       // decompressed
  size_t max_bytes_in_flight = 64 << 20;  // of requests that wait for stable storage
  size_t max_frame_bytes = 8 << 20;       // more records become several frames
  absl::Duration retry_after = absl::Seconds(10);
  absl::Duration ack_timeout = absl::Seconds(30);  // then 503, though the records may be there
  std::string version = "1.0.0";                   // in /ping
  // If there are some, success is a list of a result for each of these destinations,
  // [{"name":"mixpanel","result":{"status":"success"}}], instead of what SDKs expect.
  std::vector<std::string> result_names;
};

struct PublicCounts {
  std::atomic<uint64_t> requests{0};  // all, whatever they asked for
  std::atomic<uint64_t> bytes{0};     // of their bodies, as received
  // By RecordType. `received` = accepted + rejected + those of requests that failed or that wait.
  std::array<std::atomic<uint64_t>, 3> received{};
  std::array<std::atomic<uint64_t>, 3> accepted{};  // on stable storage
  std::array<std::atomic<uint64_t>, 3> rejected{};  // the same, in RejectedRecords
  std::atomic<uint64_t> unreadable_bodies{0};       // one rejected record each
  std::atomic<uint64_t> too_large{0};
  std::atomic<uint64_t> refused_by_budget{0};
  std::atomic<uint64_t> refused_by_log{0};  // full or failed
  std::atomic<uint64_t> late{0};            // stored after the client was told 503
  std::atomic<uint64_t> bytes_in_flight{0};
  std::atomic<uint64_t> not_found{0};
};

// Thread-safe. Responses that are still awaited do not need it.
class PublicHandler {
 public:
  // InvalidArgument: routes or origins that are none. The other arguments outlive it and the
  // acknowledgements that are still to come.
  static absl::StatusOr<std::unique_ptr<PublicHandler>> Make(PublicHandlerOptions options,
                                                             RecordAppender& log,
                                                             RejectedRecords& rejected,
                                                             PassThrough& pass_through,
                                                             Clock& clock);
  ~PublicHandler();

  ServerResponse Handle(const ServerRequest& request);
  // For HttpServerOptions::on_refusal.
  void OnRefusal(const ServerRequest& request, ServerResponse* reply) const;

  // Takes effect for requests that come later.
  void SetTokens(TokenRules tokens);
  // The same with `routes`, `allowed_origins` and `addresses` of `options`; the others do not
  // change. InvalidArgument, as Make().
  absl::Status SetRules(const PublicHandlerOptions& options);

  const PublicCounts& counts() const;
  const RequestStats& stats() const;

 private:
  class Impl;
  explicit PublicHandler(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_PUBLIC_HANDLER_H_
