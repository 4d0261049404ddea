#include "sandbox/query_request.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/json_parse.h"
#include "base/json_writer.h"
#include "base/strings.h"
#include "net/server_response.h"

namespace millrace::sandbox {
namespace {

// The parameters of a form, or of a JSON object, whose values other than strings count as their
// JSON text.
absl::Status AddBody(std::string_view body, sdk::Params& params) {
  if (!TrimBlanks(body).starts_with('{')) {
    params.AddForm(body);
    return absl::OkStatus();
  }
  const std::optional<nlohmann::json> json = ParseJson(body);
  if (!json || !json->is_object()) {
    return absl::InvalidArgumentError("the body is neither a form nor a JSON object");
  }
  for (const auto& [name, value] : json->items()) {
    if (value.is_null()) continue;
    params.Add(name, value.is_string()
                         ? value.get<std::string>()
                         : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  return absl::OkStatus();
}

ServerResponse LimitError(const ServerRequest& request, const QueryLimits::Refusal& refusal) {
  ServerResponse reply;
  reply.status = 429;
  reply.body = "{\"request\":";
  AppendJsonString(reply.body, request.path);
  reply.body += ",\"error\":";
  AppendJsonString(reply.body, refusal.error);
  reply.body += '}';
  if (!refusal.policy.empty()) {
    reply.headers = {{"RateLimit-Policy", refusal.policy},
                     {"RateLimit", refusal.state},
                     {"Retry-After", StrCat(refusal.retry_after_s)}};
  }
  return reply;
}

ServerResponse FaultError(ReadApi api, int status, std::string_view project_id) {
  const std::string error =
      status == 429   ? StrCat("Query rate limit exceeded for project_id: ", project_id)
      : status == 402 ? std::string("Your plan does not allow API calls. Upgrade at mixpanel.com")
                      : StrCat("a fault of the sandbox: ", status);
  if (api == ReadApi::kExport) return PlainError(status, error);
  ServerResponse reply = QueryError(absl::UnknownError(error));
  reply.status = status;
  return reply;
}

void Hold(QueryLimits::Permit permit, ServerResponse* reply);

// A response that comes later and keeps a permit, too.
class HeldResponse final : public PendingResponse {
 public:
  HeldResponse(QueryLimits::Permit permit, std::shared_ptr<PendingResponse> pending)
      : permit_(std::move(permit)), pending_(std::move(pending)) {}
  void Send(ServerResponse reply) override {
    Hold(permit_, &reply);
    pending_->Send(std::move(reply));
  }

 private:
  const QueryLimits::Permit permit_;
  const std::shared_ptr<PendingResponse> pending_;
};

// Keeps `permit` until the response is sent.
void Hold(QueryLimits::Permit permit, ServerResponse* reply) {
  if (permit.use_count() == 0) return;
  if (reply->later) {
    reply->later = [permit = std::move(permit),
                    later = std::move(reply->later)](std::shared_ptr<PendingResponse> pending) {
      later(std::make_shared<HeldResponse>(permit, std::move(pending)));
    };
    return;
  }
  if (!reply->next_piece) {
    reply->next_piece = [body = std::move(reply->body), sent = false](std::string* piece) mutable {
      if (!std::exchange(sent, true)) *piece = std::move(body);
      return absl::OkStatus();
    };
  }
  reply->next_piece = [permit = std::move(permit), next = std::move(reply->next_piece)](
                          std::string* piece) { return next(piece); };
}

}  // namespace

ServerResponse PlainError(int status, std::string_view text) {
  ServerResponse reply;
  reply.status = status;
  reply.content_type = "text/plain; charset=utf-8";
  reply.body = text;
  return reply;
}

ServerResponse QueryError(const absl::Status& status) {
  ServerResponse reply;
  reply.status = absl::IsInvalidArgument(status)      ? 400
                 : absl::IsFailedPrecondition(status) ? 412
                                                      : 500;
  reply.body = "{\"error\":";
  AppendJsonString(reply.body, ToStd(status.message()));
  reply.body += ",\"status\":\"error\"}";
  return reply;
}

ServerResponse Unauthorized() { return ErrorResponse(401, "Invalid credentials"); }

absl::StatusOr<std::vector<std::string>> ParseNames(std::string_view json, std::string_view name) {
  const std::optional<nlohmann::json> parsed = ParseJson(json);
  const auto is_text = [](const auto& item) { return item.is_string(); };
  if (!parsed || !parsed->is_array() || !std::all_of(parsed->begin(), parsed->end(), is_text)) {
    return absl::InvalidArgumentError(StrCat(name, " must be a JSON array of strings"));
  }
  return parsed->get<std::vector<std::string>>();
}

ServerResponse ServeQuery(Context& context, const ServerRequest& request, ReadApi api,
                          const QueryProcess& process) {
  sdk::Params params;
  params.AddForm(request.query);
  if (const absl::Status status = AddBody(request.body, params); !status.ok()) {
    return QueryError(status);
  }
  if (!IsAuthorized(context.access, request.header("authorization"), params.Get("project_id"),
                    params.Get("api_key"))) {
    return Unauthorized();
  }
  const std::string_view project_id =
      params.Get("project_id").empty() ? context.project_id : params.Get("project_id");
  const ReadFaults faults = context.faults.DrawRead(api);
  if (faults.status != 0) {
    ServerResponse reply = FaultError(api, faults.status, project_id);
    reply.delay = faults.delay;
    return reply;
  }
  const bool counts = params.Get("session_id").empty();
  auto admitted = context.limits.Admit(api, context.clock.Now(), counts, project_id);
  if (const auto* refusal = std::get_if<QueryLimits::Refusal>(&admitted)) {
    ++context.stats.queries_limited;
    return LimitError(request, *refusal);
  }
  ++(api == ReadApi::kExport ? context.stats.exports : context.stats.queries);
  ServerResponse reply = process(params, faults);
  reply.delay = faults.delay;
  Hold(std::get<QueryLimits::Permit>(std::move(admitted)), &reply);
  return reply;
}

}  // namespace millrace::sandbox
