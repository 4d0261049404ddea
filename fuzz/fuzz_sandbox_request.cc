// Whole requests to the sandbox: any method, path, query, headers and body get a response, and
// stored data is exported. The input is a line "METHOD target", lines "header: value", an empty
// line and the body.
#include <cstdint>
#include <string>
#include <string_view>

#include "net/server_response.h"
#include "require.h"
#include "sandbox/context.h"
#include "sandbox/router.h"

namespace millrace::sandbox {
namespace {

constexpr int kMaxPieces = 1000;

std::string_view TakeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::string_view HeaderOf(std::string_view headers, std::string_view name) {
  while (!headers.empty()) {
    const std::string_view line = TakeLine(headers);
    if (line.starts_with(name) && line.substr(name.size()).starts_with(": ")) {
      return line.substr(name.size() + 2);
    }
  }
  return "";
}

ServerResponse Answer(Context& context, std::string_view text) {
  std::string_view line = TakeLine(text);
  const size_t headers_end = text.find("\n\n");
  const std::string_view headers = text.substr(0, headers_end);
  ByteBuffer body;
  if (headers_end != std::string_view::npos) body.Append(text.substr(headers_end + 2));
  ServerRequest request;
  request.body = body.view();
  request.method = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(line.size(), request.method.size() + 1));
  const size_t question = line.find('?');
  request.path = line.substr(0, question);
  if (question != std::string_view::npos) request.query = line.substr(question + 1);
  request.peer_address = "127.0.0.1";
  request.header = [&](std::string_view name) { return HeaderOf(headers, name); };
  return Route(context, request);
}

void CheckResponse(ServerResponse reply) {
  ByteBuffer head;
  AppendResponseHead(reply, {"Thu, 01 Jan 1970 00:00:00 GMT", 1, true}, &head);
  Require(reply.status >= 200 && reply.status < 600);
  for (int i = 0; reply.next_piece && i < kMaxPieces; ++i) {
    std::string piece;
    if (!reply.next_piece(&piece).ok() || piece.empty()) return;
  }
}

}  // namespace
}  // namespace millrace::sandbox

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::sandbox;
  FakeClock clock;
  Context context{.clock = AdjustableClock(clock),
                  .access = {"", ""},
                  .store_name = "memory",
                  .listen_host = "127.0.0.1",
                  .events = NewMemoryEventStore(),
                  .profiles = NewMemoryProfileStore(),
                  .faults = Faults(1)};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckResponse(Answer(context, text));
  CheckResponse(Answer(context, "GET /sandbox/stats\nhost: 127.0.0.1\n\n"));
  CheckResponse(Answer(context,
                       "GET /api/2.0/export?from_date=1971-01-01&to_date=2023-11-14\n"
                       "authorization: Basic OnQ6\nhost: 127.0.0.1\n\n"));
  return 0;
}
