#include "sandbox/sdk_handlers.h"

#include "base/json_writer.h"
#include "base/strings.h"
#include "net/server_response.h"
#include "sandbox/ingest.h"
#include "sdk/sdk_response.h"

namespace millrace::sandbox {
namespace {

constexpr std::string_view kNoData = "data, missing or empty";

// The response to a body that could not be read.
ServerResponse Unreadable(const ServerRequest& request, const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) return ErrorResponse(413, ToStd(status.message()));
  sdk::Params query;
  query.AddForm(request.query);
  return sdk::SdkResponse(query, false, ToStd(status.message()));
}

ServerResponse Track(Context& context, const ServerRequest& request, const RequestFaults& faults) {
  ScratchPool::Lease scratch(context.scratch);
  const absl::StatusOr<sdk::DecodedBody> body =
      ReadRecords(context, request, faults, scratch.get());
  if (!body.ok()) return Unreadable(request, body.status());
  if (scratch.get()->records.empty()) return sdk::SdkResponse(body->params, false, kNoData);
  const CheckedEvents checked =
      CheckEvents(context, Endpoint::kTrack, /*strict=*/true, scratch.get());
  if (const absl::Status taken = TakeEvents(context, "/track", checked, *scratch.get());
      !taken.ok()) {
    return sdk::SdkResponse(body->params, false, "a temporary failure occurred");
  }
  const bool any = !checked.good.empty() || checked.silent() > 0;
  return sdk::SdkResponse(body->params, any,
                          any ? std::string_view() : checked.failures[0].problem.message);
}

ServerResponse StrictProfilesResponse(const std::vector<std::pair<size_t, std::string>>& failures,
                                      size_t good) {
  ServerResponse reply;
  reply.body = failures.empty()
                   ? "{\"code\":200,\"error\":null,\"failed_records\":["
                   : "{\"code\":400,\"error\":\"some data points in the request failed "
                     "validation\",\"failed_records\":[";
  bool first = true;
  for (const auto& [index, message] : failures) {
    StrAppend(&reply.body, first ? "" : ",", "{\"index\":", index, ",\"message\":");
    AppendJsonString(reply.body, message);
    reply.body += '}';
    first = false;
  }
  StrAppend(&reply.body, "],\"num_good_events\":", good, ",\"status\":", failures.empty() ? 1 : 0,
            "}");
  return reply;
}

ServerResponse Profiles(Context& context, const ServerRequest& request, const RequestFaults& faults,
                        ProfileKind kind) {
  ScratchPool::Lease scratch(context.scratch);
  const absl::StatusOr<sdk::DecodedBody> body =
      ReadRecords(context, request, faults, scratch.get());
  if (!body.ok()) return Unreadable(request, body.status());
  const std::vector<std::string_view>& records = scratch.get()->records;
  if (records.empty()) return sdk::SdkResponse(body->params, false, kNoData);
  const int64_t now_ms = context.NowMs();
  std::vector<ProfileUpdate> updates;
  std::vector<std::pair<size_t, std::string>> failures;
  for (size_t i = 0; i < records.size(); ++i) {
    absl::StatusOr<ProfileUpdate> update = ProfileUpdate::Parse(records[i], kind);
    if (update.ok()) {
      updates.push_back(*std::move(update));
      continue;
    }
    failures.emplace_back(i, update.status().message());
    context.stats.rejected_records.Add({0, now_ms,
                                        kind == ProfileKind::kUser ? "/engage" : "/groups", "",
                                        failures.back().second, std::string(records[i])});
  }
  if (!context.profiles->Apply(updates).ok()) {
    return sdk::SdkResponse(body->params, false, "a temporary failure occurred");
  }
  context.stats.profile_updates += updates.size();
  context.stats.profile_updates_rejected += failures.size();
  if (body->params.Flag("strict") && body->params.Flag("verbose")) {
    return StrictProfilesResponse(failures, updates.size());
  }
  return sdk::SdkResponse(body->params, failures.empty(),
                          failures.empty() ? std::string_view() : failures[0].second);
}

}  // namespace

ServerResponse HandleTrack(Context& context, const ServerRequest& request) {
  return WithFaults(context, request,
                    [&](const RequestFaults& faults) { return Track(context, request, faults); });
}

ServerResponse HandleProfiles(Context& context, const ServerRequest& request, ProfileKind kind) {
  return WithFaults(context, request, [&](const RequestFaults& faults) {
    return Profiles(context, request, faults, kind);
  });
}

}  // namespace millrace::sandbox
