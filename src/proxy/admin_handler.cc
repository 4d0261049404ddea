#include "proxy/admin_handler.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "base/metrics_text.h"
#include "base/redact.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/access_token.h"
#include "net/browser_guard.h"
#include "net/html_page.h"
#include "net/metrics_server.h"
#include "net/response_counts.h"
#include "net/server_response.h"
#include "proxy/admin_client.h"
#include "proxy/live_records.h"

namespace millrace::proxy {
namespace {

using Json = nlohmann::ordered_json;

template <typename Numbers>
uint64_t Sum(const Numbers& numbers) {
  uint64_t sum = 0;
  for (const auto& number : numbers) sum += number.load();
  return sum;
}

ServerResponse Unavailable(const absl::Status& why) {
  return {.status = 503, .content_type = "text/plain", .body = StrCat(why.message(), "\n")};
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

ServerResponse Private(std::string json) {
  return {.body = std::move(json),
          .headers = {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}}};
}

// "" if it is missing.
std::string FirstOf(std::string_view query, std::string_view name) {
  for (auto& [key, value] : ParseForm(query)) {
    if (key == name) return std::move(value);
  }
  return "";
}

}  // namespace

ServerResponse AdminHandler::Handle(const ServerRequest& request) {
  const bool is_get = request.method == "GET" || request.method == "HEAD";
  const bool is_change = request.path == "/page/replay" || request.path == "/drop";
  if (is_change ? request.method != "POST" : !is_get) {
    return ErrorResponse(405, is_change ? "use POST" : "use GET");
  }
  if (request.path == "/status") return Status();
  if (request.path == "/readyz") return Ready();
  if (request.path == "/metrics") return Metrics();
  if (request.path == "/drop") return Drop(request);
  if (request.path == "/" || request.path.starts_with("/page/")) return Page(request);
  if (request.path == "/demo" && parts_.demo) return HtmlPage(DemoPageHtml(), parts_.url());
  return ErrorResponse(404, "there are /, /status, /readyz and /metrics");
}

ServerResponse AdminHandler::Page(const ServerRequest& request) {
  // A page may be opened from anywhere; what it shows and does comes from requests of its own.
  if (request.path == "/") return HtmlPage(LivePageHtml());
  const absl::Status same_site = CheckSameSite(request, "http", parts_.listen_host);
  if (!same_site.ok()) return ErrorResponse(403, ToStd(same_site.message()));
  if (request.path == "/page/state") return State();
  if (request.path == "/page/records") {
    return Private(LiveRecords(parts_.spool.log(), FirstOf(request.query, "cursor")));
  }
  if (request.path == "/page/dead_letters") return DeadLetters(request);
  if (request.path == "/page/replay") return Replay(request);
  return ErrorResponse(404, "the page has no such part");
}

ServerResponse AdminHandler::InBackground(
    std::function<ServerResponse(const std::stop_token&)> work) {
  ServerResponse busy =
      ErrorResponse(503, "the proxy is busy with an earlier request; try again later");
  busy.later = [this, work = std::move(work)](const std::shared_ptr<PendingResponse>& pending) {
    // If it is not taken, the response is that the proxy is busy.
    background_.Post([work, pending](const std::stop_token& stop) { pending->Send(work(stop)); });
  };
  return busy;
}

ServerResponse AdminHandler::DeadLetters(const ServerRequest& request) {
  return InBackground([this, code = FirstOf(request.query, "code")](const std::stop_token&) {
    absl::StatusOr<std::string> list = parts_.dead_letters.List(code);
    if (!list.ok()) return ErrorResponse(500, ToStd(list.status().message()));
    return Private(*std::move(list));
  });
}

std::optional<ServerResponse> AdminHandler::CheckToken(const ServerRequest& request) const {
  if (parts_.token.empty()) {
    return ErrorResponse(403, "start the proxy with MILLRACE_PROXY_ADMIN_TOKEN to allow this");
  }
  if (!HasToken(request.header("authorization"), parts_.token)) {
    return ErrorResponse(401, "this is not the admin token of the proxy");
  }
  return std::nullopt;
}

ServerResponse AdminHandler::Drop(const ServerRequest& request) {
  if (parts_.dropped.empty()) return ErrorResponse(403, "start the proxy with --allow-drop");
  if (std::optional<ServerResponse> refusal = CheckToken(request)) return *std::move(refusal);
  return InBackground([this](const std::stop_token& stop) {
    Json results = Json::array();
    for (Destination* const destination : parts_.dropped) {
      const absl::Status dropped = destination->Drop(stop);
      Log(dropped.ok() ? Severity::kWarning : Severity::kError,
          dropped.ok() ? "dropped what a destination had, as POST /drop asked"
                       : "POST /drop failed at a destination",
          {{"destination", destination->label()}, {"error", ToStd(dropped.message())}});
      Json result = {{"status", dropped.ok() ? "success" : "error"}};
      if (!dropped.ok()) result["errorMessage"] = RedactSecrets(ToStd(dropped.message()));
      results.push_back({{"name", destination->label()}, {"result", std::move(result)}});
    }
    return Private(Dump(results));
  });
}

ServerResponse AdminHandler::Replay(const ServerRequest& request) {
  if (std::optional<ServerResponse> refusal = CheckToken(request)) return *std::move(refusal);
  absl::StatusOr<DeadLetterFilter> filter = ParseReplayBody(request.body);
  if (!filter.ok()) return ErrorResponse(400, ToStd(filter.status().message()));
  return InBackground([this, filter = *std::move(filter)](const std::stop_token& stop) {
    return Private(ReplayResponse(parts_.dead_letters.Replay(filter, stop)));
  });
}

ServerResponse AdminHandler::State() const {
  ServerResponse reply = Status();
  if (reply.status != 200) return reply;
  Json state = Json::parse(reply.body);
  const RecordLog& log = parts_.spool.log();
  const Histogram& durations = parts_.requests.stats().durations();
  state["spool_limit_bytes"] = log.max_bytes();
  state["connections"] = parts_.connections();
  state["answer_bounds_s"] = durations.bounds();
  state["answer_counts"] = durations.Take().counts;
  state["failure"] = log.failure().ok() ? "" : std::string(ToStd(log.failure().message()));
  state["may_replay"] = !parts_.token.empty();
  if (parts_.demo) {
    state["demo"] = {{"proxy", parts_.url()},
                     {"sandbox", parts_.demo->sandbox_url},
                     {"lake", parts_.demo->lake}};
  }
  return Private(Dump(state));
}

std::string AdminHandler::LastErrorOf(const std::string& destination) const {
  for (const std::unique_ptr<Delivery>& delivery : parts_.deliveries) {
    if (delivery->name() == destination) return delivery->last_error();
  }
  return "";
}

ServerResponse AdminHandler::Status() const {
  const auto all = parts_.spool.Status();
  if (!all.ok()) return Unavailable(all.status());
  Json destinations = Json::array();
  for (const FollowerStatus& one : *all) {
    Json pending_s;
    if (one.oldest_pending) {
      pending_s = absl::ToDoubleSeconds(parts_.clock.Now() - *one.oldest_pending);
    }
    destinations.push_back({{"name", one.name},
                            {"accepted", one.counts.accepted},
                            {"rejected", one.counts.rejected},
                            {"filtered", one.counts.filtered},
                            {"pending", one.pending()},
                            {"expired", one.expired},
                            {"oldest_pending_s", std::move(pending_s)},
                            {"last_error", RedactSecrets(LastErrorOf(one.name))}});
  }
  const PublicCounts& counts = parts_.requests.counts();
  const Json status = {
      {"received", Sum(counts.received)},          {"accepted", Sum(counts.accepted)},
      {"rejected", Sum(counts.rejected)},          {"requests", counts.requests.load()},
      {"spool_bytes", parts_.spool.log().bytes()}, {"damaged", parts_.spool.log().damaged()},
      {"destinations", std::move(destinations)}};
  return {.body = Dump(status) + "\n"};
}

ServerResponse AdminHandler::Ready() const {
  const absl::Status failure = parts_.spool.log().failure();
  if (!failure.ok()) return Unavailable(failure);
  return {.content_type = "text/plain", .body = "ok\n"};
}

ServerResponse AdminHandler::Metrics() const {
  const auto all = parts_.spool.Status();
  if (!all.ok()) return Unavailable(all.status());
  const PublicCounts& counts = parts_.requests.counts();
  const auto number = [](uint64_t value) { return static_cast<double>(value); };
  MetricsText page;
  const RequestStats& stats = parts_.requests.stats();
  for (size_t route = 0; route < kRoutes; ++route) {
    for (size_t i = 0; i < RequestStats::kStatuses.size(); ++i) {
      const uint64_t count = stats.Get(static_cast<Route>(route), i);
      // What is usual is there from the start, so that rates see its first increase.
      const bool is_usual = route <= static_cast<size_t>(Route::kImport) && i == 0;
      if (count == 0 && !is_usual) continue;
      page.Add(metrics::kProxyRequests, number(count),
               {{"path", PathOf(static_cast<Route>(route))},
                {"status", StrCat(RequestStats::kStatuses[i])}});
    }
  }
  page.Add(metrics::kProxyRequestDuration, stats.durations());
  page.Add(metrics::kProxyConnections, parts_.connections());
  page.Add(metrics::kProxyInFlight, number(counts.bytes_in_flight));
  page.Add(metrics::kProxyRecords, number(Sum(counts.accepted)), {{"outcome", "accepted"}});
  page.Add(metrics::kProxyRecords, number(Sum(counts.rejected)), {{"outcome", "rejected"}});
  page.Add(metrics::kProxyRefusals, number(counts.refused_by_budget), {{"reason", "memory"}});
  page.Add(metrics::kProxyRefusals, number(counts.refused_by_log), {{"reason", "spool"}});
  page.Add(metrics::kProxyRefusals, number(counts.too_large), {{"reason", "size"}});
  const RecordLog& log = parts_.spool.log();
  page.Add(metrics::kProxySpoolBytes, number(log.bytes()));
  page.Add(metrics::kProxySpoolLimit, number(log.max_bytes()));
  page.Add(metrics::kProxyDamaged, number(log.damaged()));
  page.Add(metrics::kProxySyncDuration, log.sync_durations());
  for (const FollowerStatus& one : *all) {
    page.Add(metrics::kProxyPending, number(one.pending()), {{"destination", one.name}});
  }
  for (const FollowerStatus& one : *all) {
    const double age =
        one.oldest_pending ? absl::ToDoubleSeconds(parts_.clock.Now() - *one.oldest_pending) : 0;
    page.Add(metrics::kProxyOldest, age, {{"destination", one.name}});
  }
  const std::pair<const char*, uint64_t Counts::*> outcomes[] = {{"accepted", &Counts::accepted},
                                                                 {"rejected", &Counts::rejected},
                                                                 {"filtered", &Counts::filtered}};
  for (const auto& [outcome, count] : outcomes) {
    for (const FollowerStatus& one : *all) {
      page.Add(metrics::kRows, number(one.counts.*count),
               {{"destination", one.name}, {"outcome", outcome}});
    }
  }
  for (const FollowerStatus& one : *all) {
    page.Add(metrics::kRows, number(one.expired),
             {{"destination", one.name}, {"outcome", "expired"}});
  }
  AddResponseMetrics(page);
  AddProcessMetrics(page);
  return MetricsResponse(page.Take());
}

}  // namespace millrace::proxy
