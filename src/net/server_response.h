// Writes the head of an HTTP/1.1 response.
#ifndef MILLRACE_NET_SERVER_RESPONSE_H_
#define MILLRACE_NET_SERVER_RESPONSE_H_

#include <string_view>

#include "absl/time/time.h"
#include "base/byte_buffer.h"
#include "net/http_server.h"

namespace millrace {

// "OK" for 200; "Unknown" for a code without a name.
std::string_view ReasonPhrase(int status);

// False for responses that never have a body (204, 304).
bool StatusHasBody(int status);

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7).
std::string HttpDate(absl::Time time);

struct ResponseFraming {
  std::string_view date;
  int http_minor = 1;      // of the request: 0 or 1
  bool keep_alive = true;  // what the connection does after this response
};

// Appends the status line and all headers, with the empty line. A body from next_piece is chunked
// for HTTP/1.1 and ends with the connection for 1.0.
void AppendResponseHead(const ServerResponse& reply, const ResponseFraming& framing,
                        ByteBuffer* out);

// Appends `piece` as one chunk of a chunked body; the empty piece is the last chunk.
void AppendChunk(std::string_view piece, ByteBuffer* out);

// The server's own response to a request that it cannot pass to the handler.
ServerResponse ErrorResponse(int status, std::string_view error);

}  // namespace millrace

#endif  // MILLRACE_NET_SERVER_RESPONSE_H_
