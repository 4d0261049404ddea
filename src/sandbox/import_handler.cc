#include "sandbox/import_handler.h"

#include <algorithm>

#include "base/json_writer.h"
#include "base/strings.h"
#include "net/server_response.h"
#include "sandbox/ingest.h"
#include "sdk/sdk_response.h"

namespace millrace::sandbox {
namespace {

constexpr std::string_view kSomeFailed = "some data points in the request failed validation";

// The rejection as seen from projects with simplified identities.
constexpr std::string_view kBatchRefusal =
    "identity events are not allowed when project is using simplified identity management";

ServerResponse Imported(size_t records) {
  ServerResponse reply;
  reply.body = StrCat("{\"code\":200,\"num_records_imported\":", records, ",\"status\":\"OK\"}");
  return reply;
}

ServerResponse BadRequest(std::string_view error, std::string_view failed_records,
                          size_t imported) {
  ServerResponse reply;
  reply.status = 400;
  reply.body = "{\"code\":400,\"error\":";
  AppendJsonString(reply.body, error);
  StrAppend(&reply.body, ",\"failed_records\":", failed_records,
            ",\"num_records_imported\":", imported, ",\"status\":\"Bad Request\"}");
  return reply;
}

std::string FailedRecords(const CheckedEvents& checked) {
  std::string list = "[";
  for (const auto& [index, problem] : checked.failures) {
    if (problem.silent) continue;
    StrAppend(&list, list.size() > 1 ? "," : "", "{\"index\":", index, ",\"insert_id\":");
    AppendJsonString(list, problem.insert_id);
    list += ",\"field\":";
    AppendJsonString(list, problem.field);
    list += ",\"message\":";
    AppendJsonString(list, problem.message);
    list += '}';
  }
  return list + "]";
}

std::string StringFailures() {
  std::string list = "[";
  AppendJsonString(list, kBatchRefusal);
  return list + "]";
}

void AddFailure(size_t index, std::string_view message, CheckedEvents* checked) {
  checked->failures.push_back({index, {"", std::string(message), ""}});
}

// Turns the good events that partial_400 has chosen into failures.
void RefuseSome(Faults& faults, CheckedEvents* checked) {
  CheckedEvents left;
  left.failures = std::move(checked->failures);
  for (size_t i = 0; i < checked->good.size(); ++i) {
    if (faults.RefusesRecord(checked->good[i].key)) {
      AddFailure(checked->good_indexes[i], "rejected by the sandbox's fault partial_400", &left);
    } else {
      left.good.push_back(std::move(checked->good[i]));
      left.good_indexes.push_back(checked->good_indexes[i]);
    }
  }
  std::sort(left.failures.begin(), left.failures.end(),
            [](const auto& a, const auto& b) { return a.index < b.index; });
  *checked = std::move(left);
}

bool RefusesAll(Faults& faults, CheckedEvents* checked) {
  std::vector<Hash128> keys;
  keys.reserve(checked->good.size());
  for (const NewEvent& event : checked->good) keys.push_back(event.key);
  if (!faults.RefusesBatch(keys)) return false;
  for (const size_t index : checked->good_indexes) AddFailure(index, kBatchRefusal, checked);
  checked->good.clear();
  return true;
}

ServerResponse Import(Context& context, const ServerRequest& request, const RequestFaults& faults) {
  ScratchPool::Lease scratch(context.scratch);
  absl::StatusOr<sdk::DecodedBody> body = ReadRecords(context, request, faults, scratch.get());
  sdk::Params query;
  query.AddForm(request.query);
  const sdk::Params& params = body.ok() ? body->params : query;
  if (!IsAuthorized(context.access, request.header("authorization"), params.Get("project_id"),
                    params.Get("api_key"))) {
    return ErrorResponse(401, "Invalid credentials");
  }
  if (absl::IsResourceExhausted(body.status())) {
    return ErrorResponse(413, ToStd(body.status().message()));
  }
  if (!body.ok()) return BadRequest(ToStd(body.status().message()), "[]", 0);

  const bool strict = params.Flag("strict");
  CheckedEvents checked = CheckEvents(context, Endpoint::kImport, strict, scratch.get());
  const bool all_refused = strict && RefusesAll(context.faults, &checked);
  if (strict && !all_refused) RefuseSome(context.faults, &checked);
  if (const absl::Status taken = TakeEvents(context, "/import", checked, *scratch.get());
      !taken.ok()) {
    return ErrorResponse(500, ToStd(taken.message()));
  }
  if (!strict) {
    const bool any = !checked.good.empty() || checked.silent() > 0;
    return sdk::SdkResponse(params, any,
                            any || checked.failures.empty()
                                ? std::string_view()
                                : std::string_view(checked.failures[0].problem.message));
  }
  if (all_refused) return BadRequest(kSomeFailed, StringFailures(), 0);
  const size_t taken_records = checked.good.size() + checked.silent();
  if (checked.failures.size() == checked.silent()) return Imported(taken_records);
  return BadRequest(kSomeFailed, FailedRecords(checked), taken_records);
}

}  // namespace

ServerResponse HandleImport(Context& context, const ServerRequest& request) {
  return WithFaults(context, request,
                    [&](const RequestFaults& faults) { return Import(context, request, faults); });
}

}  // namespace millrace::sandbox
