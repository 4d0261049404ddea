// A request body of the sandbox from end to end: decoded, split into records, checked, exported.
// An accepted record must be exported as one line, which is accepted again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_buffer.h"
#include "sandbox/event_check.h"
#include "sandbox/export_stream.h"
#include "sandbox/profile_update.h"
#include "sdk/body_decoder.h"
#include "sdk/record_splitter.h"

namespace millrace::sandbox {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;

void CheckExport(const NewEvent& event, EventChecker& checker) {
  std::string line;
  AppendExportLine({.id = 1,
                    .name = event.name,
                    .json = event.json,
                    .time_ms = event.time_ms,
                    .received_ms = kNowMs,
                    .splices = event.splices,
                    .endpoint = event.endpoint},
                   /*time_in_ms=*/true, &line);
  if (line.find('\n') != line.size() - 1) std::abort();
  ByteBuffer padded;
  padded.Append(std::string_view(line).substr(0, line.size() - 1));
  NewEvent again;
  Problem problem;
  const bool taken = checker.Check(padded.view(), event.endpoint, kNowMs, 1, &again, &problem);
  // The added properties may be one too many, and times below 1e11 ms read as seconds.
  if (!taken && problem.field != "properties" && problem.field != "properties.time" &&
      !problem.field.empty()) {
    std::abort();
  }
  if (taken && again.name != event.name) std::abort();
}

}  // namespace
}  // namespace millrace::sandbox

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::sandbox;
  ByteBuffer body;
  body.Append({reinterpret_cast<const char*>(data), size});
  ServerRequest request;
  request.body = body.view();
  request.header = [&](std::string_view name) -> std::string_view {
    return name == "content-encoding" && request.body.starts_with("\x1f\x8b") ? "gzip" : "";
  };
  ByteBuffer scratch;
  const absl::StatusOr<sdk::DecodedBody> decoded = sdk::DecodeBody(request, 1 << 20, &scratch);
  std::vector<std::string_view> records;
  if (!decoded.ok() || !sdk::SplitRecords(decoded->records, &records).ok()) return 0;
  EventChecker checker;
  for (const std::string_view record : records) {
    for (const Endpoint endpoint : {Endpoint::kImport, Endpoint::kTrack}) {
      NewEvent event;
      Problem problem;
      if (checker.Check(record, endpoint, kNowMs, 1, &event, &problem)) {
        CheckExport(event, checker);
      }
    }
    const auto update = ProfileUpdate::Parse(record, ProfileKind::kUser);
    if (update.ok()) (void)update->Apply(update->Apply(std::nullopt));
  }
  return 0;
}
