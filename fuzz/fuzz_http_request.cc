// The HTTP request parser: however the bytes are divided, the result is the same request or a
// rejection. The first byte of the input chooses the size of the pieces.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/http_request_parser.h"

namespace millrace {
namespace {

using Result = HttpRequestParser::Result;

struct Request {
  Result result = Result::kNeedsMore;
  std::string seen;  // method, target, a header, framing and chunked body
};

Request Parse(std::string_view bytes, size_t piece) {
  HttpRequestParser parser(1000, 1000);
  Request request;
  ByteBuffer body;
  size_t begin = 0;
  for (size_t end = 0; end < bytes.size() && request.result == Result::kNeedsMore;) {
    end = std::min(bytes.size(), end + piece);
    size_t used;
    if (!parser.head_done()) {
      request.result = parser.ParseHead(bytes.substr(begin, end - begin), &used);
      begin += used;
      if (request.result != Result::kDone || !parser.chunked()) continue;
    }
    request.result = parser.ParseChunks(bytes.substr(begin, end - begin), &used, &body);
    begin += used;
  }
  if (request.result != Result::kDone) return request;
  request.seen.append(parser.method()).append(" ").append(parser.target()).append(" ");
  request.seen.append(parser.Header("host")).append(" ").append(body.view());
  request.seen.append(parser.keep_alive() ? "k" : "-")
      .append(parser.expects_continue() ? "e" : "-");
  request.seen.append(std::to_string(parser.content_length()));
  return request;
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Request whole = Parse(bytes, bytes.size() + 1);
  const Request pieces = Parse(bytes, size_t{data[0]} + 1);
  if (whole.result == Result::kDone && pieces.result == Result::kDone &&
      whole.seen != pieces.seen) {
    std::abort();
  }
  return 0;
}
