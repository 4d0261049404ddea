#include "sandbox/control_handlers.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "base/json_parse.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "net/server_response.h"
#include "sandbox/limits.h"
#include "sdk/body_decoder.h"

namespace millrace::sandbox {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kMaxListed = 500;
constexpr size_t kMaxShownBytes = 32 << 10;  // of an event's text

ServerResponse JsonResponse(const Json& json) {
  ServerResponse reply;
  reply.body = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  reply.headers.emplace_back("Cache-Control", "no-store");
  reply.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return reply;
}

Json Hits(const Faults& faults) {
  Json hits = Json::object();
  for (const auto& [name, count] : faults.hits()) hits[name] = count;
  return hits;
}

Json DataGroupIds(ProfileStore& profiles) {
  Json ids = Json::object();
  const absl::StatusOr<std::vector<std::string>> keys = profiles.GroupKeys();
  if (keys.ok()) {
    for (const std::string& key : *keys) ids[key] = DataGroupId(key);
  }
  return ids;
}

ServerResponse ShowStats(Context& context) {
  Stats& stats = context.stats;
  const EventTotals totals = context.events->totals();
  Json json = {{"requests", stats.requests.load()}, {"received", stats.received.load()},
               {"stored", totals.stored},           {"unique", totals.unique},
               {"rejected", stats.rejected.load()}, {"bytes", stats.bytes.load()}};
  Json by_event = Json::object();
  for (const auto& [name, count] : totals.by_event) by_event[name] = count;
  json["by_event"] = std::move(by_event);
  json["faults"] = Hits(context.faults);
  json["active_faults"] = context.faults.active();
  json["bytes_plain"] = stats.bytes_plain.load();
  json["profiles"] = context.profiles->Count(ProfileKind::kUser);
  json["groups"] = context.profiles->Count(ProfileKind::kGroup);
  json["data_group_ids"] = DataGroupIds(*context.profiles);
  json["profile_updates"] = stats.profile_updates.load();
  json["profile_updates_rejected"] = stats.profile_updates_rejected.load();
  json["exports"] = stats.exports.load();
  json["queries"] = stats.queries.load();
  json["queries_limited"] = stats.queries_limited.load();
  json["store"] = context.discard ? "discard" : context.store_name;
  return JsonResponse(json);
}

uint64_t NumberOr(std::string_view text, uint64_t otherwise) {
  uint64_t number;
  return absl::SimpleAtoi(ToAbsl(text), &number) ? number : otherwise;
}

ServerResponse ListEvents(Context& context, const sdk::Params& params) {
  const uint64_t last = context.events->last_id();
  const uint64_t limit = std::clamp<uint64_t>(NumberOr(params.Get("limit"), 100), 1, kMaxListed);
  uint64_t after = std::min(NumberOr(params.Get("after"), 0), last);
  after = std::max(after, last > limit ? last - limit : 0);
  Json events = Json::array();
  while (after < last) {
    const absl::StatusOr<uint64_t> at =
        context.events->Read(after, {}, [&](const StoredEvent& event) {
          events.push_back({{"id", event.id},
                            {"received_ms", event.received_ms},
                            {"time_ms", event.time_ms},
                            {"path", event.endpoint == Endpoint::kImport ? "/import" : "/track"},
                            {"event", event.name},
                            {"json", CutUtf8(event.json, kMaxShownBytes)}});
          return event.id < last;
        });
    if (!at.ok()) return ErrorResponse(500, ToStd(at.status().message()));
    if (*at == after) break;
    after = *at;
  }
  return JsonResponse({{"cursor", last}, {"events", std::move(events)}});
}

ServerResponse ListRejected(Context& context, const sdk::Params& params) {
  Json records = Json::array();
  const uint64_t after = NumberOr(params.Get("after"), 0);
  const uint64_t last = context.stats.rejected_records.last_id();
  for (const RejectedRecord& record : context.stats.rejected_records.After(after, kMaxListed)) {
    records.push_back({{"id", record.id},
                       {"received_ms", record.received_ms},
                       {"path", record.path},
                       {"field", record.field},
                       {"message", record.message},
                       {"record", record.record}});
  }
  const uint64_t cursor = records.empty() ? last : records.back()["id"].get<uint64_t>();
  return JsonResponse({{"cursor", cursor}, {"rejected", std::move(records)}});
}

ServerResponse ShowFaults(Context& context) {
  static constexpr std::array<std::array<std::string_view, 3>, kFaultKinds> kKnown = {{
      {"partial_400", "partial_400=0.05", "rejects this share of the good records"},
      {"strings_400", "strings_400=0.001", "rejects whole batches that contain a marked record"},
      {"401", "401", "invalid credentials"},
      {"413_2mb", "413_2mb", "bodies above 2 MB are too large"},
      {"413_10mb", "413_10mb", "bodies above 10 MB are too large"},
      {"429", "429:0.3", "rate limit exceeded"},
      {"503_retry_after", "503_retry_after=1:0.3", "unavailable, with Retry-After"},
      {"slow", "slow=500ms", "responses are delayed"},
      {"cut", "cut:0.1", "the connection closes in the middle of the response"},
      {"reply_lost", "reply_lost:0.1", "processed, but no response is sent"},
      {"export_status", "export_status=503:0.2", "exports get this status"},
      {"query_status", "query_status=429:0.2", "queries get this status"},
      {"slow_query", "slow_query=500ms", "exports and queries are delayed"},
      {"stale", "stale=10m", "events are exported this long after they arrive"},
      {"terminated_early", "terminated_early:0.1", "exports end early, with a line that says so"},
      {"cut_export", "cut_export:0.1", "the connection closes in the middle of an export"},
      {"short_gzip", "short_gzip:0.1", "a compressed export lacks its end"},
      {"split_records", "split_records=0.01", "this share of exported records is on two lines"},
  }};
  Json known = Json::array();
  for (const auto& [name, example, about] : kKnown) {
    known.push_back({{"name", name}, {"example", example}, {"about", about}});
  }
  return JsonResponse({{"active", context.faults.active()},
                       {"hits", Hits(context.faults)},
                       {"known", std::move(known)}});
}

ServerResponse SetFaults(Context& context, std::string_view body) {
  const std::optional<nlohmann::json> specs = ParseJson(body);
  const bool fits =
      specs && specs->is_array() &&
      std::all_of(specs->begin(), specs->end(), [](const auto& s) { return s.is_string(); });
  if (!fits) {
    return ErrorResponse(400, "expected a JSON list of fault specs, such as [\"429:0.1\"]");
  }
  const absl::Status set = context.faults.Set(specs->get<std::vector<std::string>>());
  if (!set.ok()) return ErrorResponse(400, ToStd(set.message()));
  return ShowFaults(context);
}

ServerResponse ShowClock(Context& context) {
  const absl::Time now = context.clock.Now();
  return JsonResponse({{"now", absl::FormatTime(absl::RFC3339_full, now, absl::UTCTimeZone())},
                       {"now_ms", absl::ToUnixMillis(now)},
                       {"stopped", context.clock.is_stopped()}});
}

// Nullopt: not a time from 1971 to 9999.
std::optional<absl::Time> ParseNow(const nlohmann::json& value) {
  absl::Time time = absl::InfinitePast();
  if (value.is_number_integer()) time = absl::FromUnixMillis(value.get<int64_t>());
  if (value.is_string() &&
      !absl::ParseTime(absl::RFC3339_full, value.get<std::string>(), &time, nullptr)) {
    return std::nullopt;
  }
  const bool fits = time >= absl::FromUnixMillis(kEarliestTimeMs) &&
                    time < absl::FromCivil(absl::CivilYear(10'000), absl::UTCTimeZone());
  return fits ? std::optional(time) : std::nullopt;
}

ServerResponse SetClock(Context& context, std::string_view body) {
  const std::optional<nlohmann::json> json = ParseJson(body);
  const auto wrong = [](std::string_view what) { return ErrorResponse(400, what); };
  if (!json || !json->is_object()) {
    return wrong("expected a JSON object, such as {\"now\": \"2023-11-14T00:00:00Z\"}");
  }
  std::optional<absl::Time> now;
  std::optional<bool> stopped;
  for (const auto& [name, value] : json->items()) {
    if (name == "now") {
      now = ParseNow(value);
      if (!now) return wrong("now must be a time (RFC 3339) or milliseconds since 1970");
    } else if (name == "advance_ms" && value.is_number_integer()) {
      // Far more than the longest time that fits, and no overflow.
      constexpr int64_t kMaxAdvanceMs = int64_t{1} << 50;
      const auto advance = std::clamp(value.get<int64_t>(), -kMaxAdvanceMs, kMaxAdvanceMs);
      now = ParseNow(absl::ToUnixMillis(context.clock.Now()) + advance);
      if (!now) return wrong("advance_ms is too large");
    } else if (name == "stopped" && value.is_boolean()) {
      stopped = value.get<bool>();
    } else {
      return wrong(StrCat("not known, or of the wrong type: ", name));
    }
  }
  if (now) context.clock.Set(*now);
  if (stopped) context.clock.SetStopped(*stopped);
  return ShowClock(context);
}

ServerResponse ClockRequest(Context& context, const ServerRequest& request, bool is_get) {
  if (is_get) return ShowClock(context);
  if (request.method == "PUT") return SetClock(context, request.body);
  if (request.method != "DELETE") return ErrorResponse(405, "use GET, PUT or DELETE");
  context.clock.Reset();
  return ShowClock(context);
}

ServerResponse CohortsRequest(Context& context, const ServerRequest& request, bool is_get) {
  if (request.method == "PUT") {
    const absl::Status set = context.cohorts.Set(request.body);
    if (!set.ok()) return ErrorResponse(400, ToStd(set.message()));
  } else if (!is_get) {
    return ErrorResponse(405, "use GET or PUT");
  }
  Json list = Json::array();
  for (const Cohort& cohort : context.cohorts.All()) {
    Json shown = {{"id", cohort.id},
                  {"name", cohort.name},
                  {"description", cohort.description},
                  {"created", cohort.created},
                  {"is_visible", cohort.is_visible}};
    if (cohort.where) {
      shown["where"] = cohort.where_text;
    } else {
      shown["distinct_ids"] = cohort.distinct_ids;
    }
    list.push_back(std::move(shown));
  }
  return JsonResponse(list);
}

ServerResponse Reset(Context& context) {
  absl::Status cleared = context.events->Clear();
  if (cleared.ok()) cleared = context.profiles->Clear();
  if (!cleared.ok()) return ErrorResponse(500, ToStd(cleared.message()));
  context.stats.Reset();
  context.faults.ResetHits();
  context.limits.Clear();
  context.sessions.Clear();
  context.cohorts.Clear();
  context.annotations.Clear();
  return JsonResponse({{"status", "OK"}});
}

}  // namespace

ServerResponse HandleControl(Context& context, std::string_view path,
                             const ServerRequest& request) {
  sdk::Params params;
  params.AddForm(request.query);
  const bool is_get = request.method == "GET" || request.method == "HEAD";
  if (path == "/sandbox/stats" && is_get) return ShowStats(context);
  if (path == "/sandbox/events" && is_get) return ListEvents(context, params);
  if (path == "/sandbox/rejected" && is_get) return ListRejected(context, params);
  if (path == "/sandbox/faults") {
    if (is_get) return ShowFaults(context);
    if (request.method == "PUT") return SetFaults(context, request.body);
    if (request.method == "DELETE") return SetFaults(context, "[]");
    return ErrorResponse(405, "use GET, PUT or DELETE");
  }
  if (path == "/sandbox/clock") return ClockRequest(context, request, is_get);
  if (path == "/sandbox/cohorts") return CohortsRequest(context, request, is_get);
  if (path == "/sandbox/reset") {
    return request.method == "POST" ? Reset(context) : ErrorResponse(405, "use POST");
  }
  return ErrorResponse(404, "no such endpoint");
}

}  // namespace millrace::sandbox
