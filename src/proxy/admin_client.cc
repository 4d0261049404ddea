#include "proxy/admin_client.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/json_parse.h"
#include "base/redact.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/url.h"

namespace millrace::proxy {
namespace {

using Json = nlohmann::ordered_json;

struct Number {
  const char* name;
  uint64_t& value;
};

// The numbers of a response, in both directions.
std::vector<Number> NumbersOf(ReplayReport& report) {
  return {{"read", report.counts.read},         {"accepted", report.counts.accepted},
          {"rejected", report.counts.rejected}, {"filtered", report.counts.filtered},
          {"events", report.counts.events},     {"not_ours", report.not_ours},
          {"damaged", report.damaged}};
}

absl::StatusOr<std::string> TextOf(const nlohmann::json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end()) return "";
  if (found->is_string() && !found->get_ref<const std::string&>().empty())
    return found->get<std::string>();
  return absl::InvalidArgumentError(StrCat(name, " must be a text"));
}

}  // namespace

std::string ReplayBody(const DeadLetterFilter& filter) {
  Json body = Json::object();
  if (!filter.id.empty()) body["id"] = filter.id;
  if (!filter.code.empty()) body["code"] = filter.code;
  if (filter.since != absl::InfinitePast()) body["since_ms"] = absl::ToUnixMillis(filter.since);
  if (body.empty()) body["all"] = true;
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<DeadLetterFilter> ParseReplayBody(std::string_view body) {
  const std::optional<nlohmann::json> json = ParseJson(body);
  if (!json || !json->is_object() || json->empty()) {
    return absl::InvalidArgumentError(R"(write {"id": "..."}, {"code": "..."} or {"all": true})");
  }
  DeadLetterFilter filter;
  ASSIGN_OR_RETURN(filter.id, TextOf(*json, "id"));
  ASSIGN_OR_RETURN(filter.code, TextOf(*json, "code"));
  if (const auto since = json->find("since_ms"); since != json->end()) {
    if (!since->is_number_integer()) {
      return absl::InvalidArgumentError("since_ms must be a whole number");
    }
    filter.since = absl::FromUnixMillis(since->get<int64_t>());
  }
  const bool has_all = json->contains("all") && (*json)["all"] == true;
  for (const auto& [name, value] : json->items()) {
    if (name == "id" || name == "code" || name == "since_ms" || (name == "all" && has_all))
      continue;
    return absl::InvalidArgumentError(StrCat("\"", name, "\" is not known, or has no such value"));
  }
  return filter;
}

std::string ReplayResponse(const ReplayReport& report) {
  ReplayReport all = report;
  Json json = Json::object();
  for (const Number& number : NumbersOf(all)) json[number.name] = number.value;
  json["pending"] = report.counts.pending();
  json["error"] = RedactSecrets(report.status.ok() ? report.first_error
                                                   : std::string(ToStd(report.status.message())));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<ReplayReport> ReplayAtProxy(const std::string& url, const std::string& token,
                                           const DeadLetterFilter& filter, HttpClient& client,
                                           const std::stop_token& stop) {
  RETURN_IF_ERROR(ParseUrl(url).status());
  std::string base = url;
  while (base.ends_with('/')) base.pop_back();
  const std::string body = ReplayBody(filter);
  const HttpRequest request{.method = "POST",
                            .url = base + "/page/replay",
                            .headers = {{"Authorization", StrCat("Bearer ", token)},
                                        {"Content-Type", "application/json"}},
                            .body = body,
                            .timeout = absl::ZeroDuration(),
                            .stall_timeout = absl::ZeroDuration()};
  ASSIGN_OR_RETURN(const HttpResponse response, client.Send(request, stop));
  const std::optional<nlohmann::json> json = ParseJson(response.body);
  if (response.status != 200 || !json || !json->is_object()) {
    const std::string why =
        json && json->is_object() && json->contains("error")
            ? (*json)["error"].dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
            : "this is not the admin address of a proxy";
    const std::string message = StrCat(url, ": HTTP ", response.status, ": ", why);
    if (response.status == 401 || response.status == 403) {
      return absl::UnauthenticatedError(
          StrCat(message, "; set MILLRACE_PROXY_ADMIN_TOKEN to the token of the proxy"));
    }
    return response.status == 503 ? absl::UnavailableError(message)
                                  : absl::InvalidArgumentError(message);
  }
  ReplayReport report;
  for (const Number& number : NumbersOf(report)) {
    const auto found = json->find(number.name);
    if (found != json->end() && found->is_number_unsigned()) number.value = found->get<uint64_t>();
  }
  const auto error = json->find("error");
  if (error != json->end() && error->is_string()) report.first_error = error->get<std::string>();
  return report;
}

}  // namespace millrace::proxy
