#include "sandbox/ingest.h"

#include "base/status.h"
#include "base/strings.h"
#include "net/server_response.h"
#include "sandbox/limits.h"
#include "sdk/record_splitter.h"

namespace millrace::sandbox {
namespace {

ServerResponse Refusal(const RequestFaults& faults) {
  switch (faults.refusal) {
    case 401:
      return ErrorResponse(401, "Invalid credentials");
    case 429:
      return ErrorResponse(
          429,
          "Project exceeded rate limits. Please retry the request with exponential "
          "backoff.");
    default: {
      ServerResponse reply = ErrorResponse(503, "Service temporarily unavailable");
      reply.headers.emplace_back("Retry-After", StrCat(absl::ToInt64Seconds(faults.retry_after)));
      return reply;
    }
  }
}

}  // namespace

ServerResponse WithFaults(Context& context, const ServerRequest& request, const Process& process) {
  ++context.stats.requests;
  context.stats.bytes += request.body.size();
  const RequestFaults faults = context.faults.Draw();
  ServerResponse reply;
  if (faults.refusal != 0) {
    reply = Refusal(faults);
  } else if (faults.processed) {
    reply = process(faults);
  }
  reply.delay = faults.delay;
  reply.cut = faults.cut || faults.reply_lost;
  reply.cut_after = faults.cut ? faults.cut_after : 0;
  return reply;
}

absl::StatusOr<sdk::DecodedBody> ReadRecords(Context& context, const ServerRequest& request,
                                             const RequestFaults& faults, Scratch* scratch) {
  absl::StatusOr<sdk::DecodedBody> body =
      sdk::DecodeBody(request, faults.max_body_bytes, &scratch->body);
  if (absl::IsResourceExhausted(body.status())) {
    if (faults.size_limited) context.faults.CountHit(faults.size_fault);
    return absl::ResourceExhaustedError(
        StrCat("request exceeds max limit of ", faults.max_body_bytes, " bytes"));
  }
  if (!body.ok()) return body;
  context.stats.bytes_plain += body->plain_bytes;
  scratch->records.clear();
  RETURN_IF_ERROR(sdk::SplitRecords(body->records, &scratch->records));
  if (scratch->records.size() > kMaxRecords) {
    return absl::ResourceExhaustedError(
        StrCat("request exceeds max limit of ", kMaxRecords, " records"));
  }
  return body;
}

CheckedEvents CheckEvents(Context& context, Endpoint endpoint, bool strict, Scratch* scratch) {
  CheckedEvents checked;
  const int64_t now_ms = context.NowMs();
  const std::vector<std::string_view>& records = scratch->records;
  checked.good.reserve(records.size());
  checked.good_indexes.reserve(records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    NewEvent event;
    Problem problem;
    if (scratch->checker.Check(records[i], endpoint, now_ms, ++context.made_up_ids, &event,
                               &problem, strict)) {
      checked.good.push_back(std::move(event));
      checked.good_indexes.push_back(i);
    } else {
      checked.failures.push_back({i, std::move(problem)});
    }
  }
  return checked;
}

absl::Status TakeEvents(Context& context, std::string_view path, const CheckedEvents& checked,
                        const Scratch& scratch) {
  const int64_t now_ms = context.NowMs();
  RETURN_IF_ERROR(context.events->Add(checked.good, now_ms));
  context.stats.received += checked.good.size() + checked.failures.size();
  context.stats.rejected += checked.failures.size();
  for (const CheckedEvents::Failure& failure : checked.failures) {
    context.stats.rejected_records.Add({0, now_ms, std::string(path), failure.problem.field,
                                        failure.problem.message,
                                        std::string(scratch.records[failure.index])});
  }
  return absl::OkStatus();
}

}  // namespace millrace::sandbox
