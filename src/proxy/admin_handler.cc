#include "proxy/admin_handler.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/metrics_text.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/metrics_server.h"

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

}  // namespace

ServerResponse AdminHandler::Handle(const ServerRequest& request) const {
  if (request.method != "GET" && request.method != "HEAD") {
    return {.status = 405, .content_type = "text/plain", .body = "only GET\n"};
  }
  if (request.path == "/status") return Status();
  if (request.path == "/readyz") return Ready();
  if (request.path == "/metrics") return Metrics();
  return {.status = 404,
          .content_type = "text/plain",
          .body = "there are /status, /readyz and /metrics\n"};
}

std::string AdminHandler::LastErrorOf(const std::string& destination) const {
  for (const std::unique_ptr<Delivery>& delivery : deliveries_) {
    if (delivery->name() == destination) return delivery->last_error();
  }
  return "";
}

ServerResponse AdminHandler::Status() const {
  const auto all = spool_.Status();
  if (!all.ok()) return Unavailable(all.status());
  Json destinations = Json::array();
  for (const FollowerStatus& one : *all) {
    Json pending_s;
    if (one.oldest_pending) {
      pending_s = absl::ToDoubleSeconds(clock_.Now() - *one.oldest_pending);
    }
    destinations.push_back({{"name", one.name},
                            {"accepted", one.counts.accepted},
                            {"rejected", one.counts.rejected},
                            {"filtered", one.counts.filtered},
                            {"pending", one.pending()},
                            {"expired", one.expired},
                            {"oldest_pending_s", std::move(pending_s)},
                            {"last_error", LastErrorOf(one.name)}});
  }
  const PublicCounts& counts = requests_.counts();
  const Json status = {
      {"received", Sum(counts.received)},       {"accepted", Sum(counts.accepted)},
      {"rejected", Sum(counts.rejected)},       {"requests", counts.requests.load()},
      {"spool_bytes", spool_.log().bytes()},    {"damaged", spool_.log().damaged()},
      {"destinations", std::move(destinations)}};
  return {.body = status.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

ServerResponse AdminHandler::Ready() const {
  const absl::Status failure = spool_.log().failure();
  if (!failure.ok()) return Unavailable(failure);
  return {.content_type = "text/plain", .body = "ok\n"};
}

ServerResponse AdminHandler::Metrics() const {
  const auto all = spool_.Status();
  if (!all.ok()) return Unavailable(all.status());
  const PublicCounts& counts = requests_.counts();
  const auto number = [](uint64_t value) { return static_cast<double>(value); };
  MetricsText page;
  page.Add(metrics::kProxyRequests, number(counts.requests));
  page.Add(metrics::kProxyRecords, number(Sum(counts.accepted)), {{"outcome", "accepted"}});
  page.Add(metrics::kProxyRecords, number(Sum(counts.rejected)), {{"outcome", "rejected"}});
  page.Add(metrics::kProxyRefusals, number(counts.refused_by_budget), {{"reason", "memory"}});
  page.Add(metrics::kProxyRefusals, number(counts.refused_by_log), {{"reason", "spool"}});
  page.Add(metrics::kProxyRefusals, number(counts.too_large), {{"reason", "size"}});
  page.Add(metrics::kProxySpoolBytes, number(spool_.log().bytes()));
  for (const FollowerStatus& one : *all) {
    page.Add(metrics::kProxyPending, number(one.pending()), {{"destination", one.name}});
  }
  for (const FollowerStatus& one : *all) {
    const double age =
        one.oldest_pending ? absl::ToDoubleSeconds(clock_.Now() - *one.oldest_pending) : 0;
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
  return MetricsResponse(page.Take());
}

}  // namespace millrace::proxy
