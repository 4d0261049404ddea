#include "sandbox/jql_handler.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/json_parse.h"
#include "base/json_writer.h"
#include "base/strings.h"
#include "sandbox/jql_query.h"
#include "sandbox/query_request.h"

namespace millrace::sandbox {
namespace {

struct JqlRequest {
  std::string path;
  std::string script;
  std::string params = "{}";
};

absl::StatusOr<JqlRequest> ParseJql(const ServerRequest& request, const sdk::Params& params) {
  JqlRequest parsed;
  parsed.path = request.path;
  parsed.script = params.Get("script");
  if (parsed.script.empty()) {
    return absl::InvalidArgumentError("Missing required parameter: script");
  }
  if (const std::string_view given = params.Get("params"); !given.empty()) {
    const std::optional<nlohmann::json> json = ParseJson(given);
    if (!json || !json->is_object()) {
      return absl::InvalidArgumentError("params must be a JSON object");
    }
    parsed.params = given;
  }
  if (const std::string_view format = params.Get("format"); !format.empty() && format != "json") {
    return absl::InvalidArgumentError("the sandbox has no format but json");
  }
  return parsed;
}

ServerResponse Respond(const absl::StatusOr<std::string>& result, const JqlRequest& request) {
  ServerResponse reply;
  if (result.ok()) {
    reply.body = *result;
    return reply;
  }
  if (!absl::IsFailedPrecondition(result.status())) return QueryError(result.status());
  reply.status = 412;
  reply.body = "{\"request\":";
  AppendJsonString(reply.body, request.path);
  reply.body += ",\"error\":";
  AppendJsonString(reply.body, ToStd(result.status().message()));
  reply.body += '}';
  return reply;
}

}  // namespace

ServerResponse HandleJql(Context& context, const ServerRequest& request) {
  return ServeQuery(
      context, request, ReadApi::kQuery, [&](const sdk::Params& params, const ReadFaults& faults) {
        absl::StatusOr<JqlRequest> parsed = ParseJql(request, params);
        if (!parsed.ok()) return QueryError(parsed.status());
        ServerResponse reply = QueryError(absl::UnavailableError("the sandbox is stopping"));
        reply.later = [&context, delay = faults.delay,
                       parsed = *std::move(parsed)](std::shared_ptr<PendingResponse> pending) {
          context.tasks.Add([&context, delay, parsed, pending](const std::stop_token& stop) {
            const JqlData data{*context.events, *context.profiles, context.project};
            ServerResponse reply = Respond(
                RunJql(data, parsed.script, parsed.params, context.jql_limits, stop), parsed);
            reply.delay = delay;
            pending->Send(std::move(reply));
          });
        };
        return reply;
      });
}

}  // namespace millrace::sandbox
