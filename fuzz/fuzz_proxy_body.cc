// A request to the public listener of the proxy, from its body to the record log: each line of the
// log must be a record, what was received must be accepted or rejected, and the same request must
// get the same lines again. Mapped frames must arrive as if they were mapped by the delivery. The
// input is a line "target" and the body; a body that begins as gzip does is one.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_buffer.h"
#include "mapping/sources_config.h"
#include "net/server_response.h"
#include "proxy/public_handler.h"
#include "records/record_parser.h"
#include "require.h"
#include "spool/testing/delivered_events.h"

namespace millrace::proxy {
namespace {

void RequireEqualDeliveries(std::string_view lines) {
  static FakeClock clock;
  static const std::shared_ptr<const SourceConfig> config =
      SourcesConfig::MixpanelFormat().entries()[0];
  for (const RecordRules& rules : {RecordRules(), RecordRules::Mixpanel()}) {
    LogTransform transform(clock, rules);
    const DeliveredEvents mapped =
        Deliver(transform, LogChunk(lines, /*are_mapped=*/false, config));
    const DeliveredEvents copied = Deliver(transform, LogChunk(lines, /*are_mapped=*/true, config));
    Require(mapped.rejected.empty() && copied.events == mapped.events);
  }
}

struct Log final : public RecordAppender {
  void Append(absl::Span<const Frame> frames, RecordLog::Done done) override {
    Require(!frames.empty());
    for (const Frame& frame : frames) Check(frame);
    done(absl::OkStatus());
  }
  void Check(const Frame& frame) {
    Require(frame.count > 0 && !frame.records.empty() && frame.records.back() == '\n');
    RecordParser parser(frame.type);
    uint32_t lines = 0;
    std::string_view rest = frame.records;
    for (; !rest.empty(); ++lines) {
      const size_t end = rest.find('\n');
      Require(parser.Parse(rest.substr(0, end)).ok());
      rest.remove_prefix(end + 1);
    }
    Require(lines == frame.count);
    if (frame.is_mapped) RequireEqualDeliveries(frame.records);
    records += frame.records;
  }
  std::string records;
};

struct Rejected final : public RejectedRecords {
  void Add(RejectedBatch batch, Done done) override {
    Require(!batch.records.empty());
    for (const KeptRejection& record : batch.records) Require(!record.code.empty());
    done(absl::OkStatus());
  }
};

struct Pending final : public PendingResponse {
  explicit Pending(ServerResponse* sent) : sent(sent) {}
  void Send(ServerResponse reply) override { *sent = std::move(reply); }
  ServerResponse* const sent;
};

std::string Records(std::string_view target, std::string_view text) {
  static FakeClock clock;
  static PassThrough pass_through(
      {.threads = 1}, [] { return NewCurlHttpClient(); }, clock);
  Log log;
  Rejected rejected;
  auto handler = PublicHandler::Make({.routes = {.prefixes = {"/p"}, .aliases = {{"/t", "/track"}}},
                                      .max_body_bytes = 1 << 20,
                                      .max_frame_bytes = 1000},
                                     log, rejected, pass_through, clock);
  ByteBuffer body;
  body.Append(text);
  ServerRequest request;
  request.method = "POST";
  request.path = target.substr(0, target.find('?'));
  if (request.path.size() < target.size()) request.query = target.substr(request.path.size() + 1);
  request.body = body.view();
  request.peer_address = "203.0.113.7";
  request.header = [](std::string_view name) -> std::string_view {
    return name == "origin" ? "https://a.example" : "";
  };
  ServerResponse reply = (*handler)->Handle(request);
  if (reply.later) {
    const auto later = std::exchange(reply.later, nullptr);
    later(std::make_shared<Pending>(&reply));
  }
  const int status = reply.status;
  Require(status == 200 || status == 400 || status == 404 || status == 405 || status == 413);
  bool has_origin = false;
  for (const auto& header : reply.headers) {
    has_origin |= header.first == "Access-Control-Allow-Origin";
  }
  Require(has_origin);
  const PublicCounts& counts = (*handler)->counts();
  Require(counts.bytes_in_flight == 0);
  for (const size_t type : {0, 1, 2}) {
    Require(counts.received[type] == counts.accepted[type] + counts.rejected[type]);
  }
  return log.records;
}

}  // namespace
}  // namespace millrace::proxy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return 0;
  const std::string_view target = text.substr(0, end), body = text.substr(end + 1);
  const std::string records = millrace::proxy::Records(target, body);
  millrace::Require(millrace::proxy::Records(target, body) == records);
  return 0;
}
