// Parses one HTTP/1.x request: its head, and the framing of its body.
#ifndef MILLRACE_NET_HTTP_REQUEST_PARSER_H_
#define MILLRACE_NET_HTTP_REQUEST_PARSER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/byte_buffer.h"

namespace millrace {

// Strict about what two parsers could read differently: a request with two lengths, a length
// together with chunks, a transfer encoding other than "chunked", a header that is continued in the
// next line, more than one Host or (HTTP/1.1) none is refused. One thread at a time.
class HttpRequestParser {
 public:
  HttpRequestParser(size_t max_header_bytes, size_t max_body_bytes, size_t max_headers = 256);
  ~HttpRequestParser();

  enum class Result { kDone, kNeedsMore, kRefused };

  // Drops the request but keeps the memory.
  void Reset();
  // Reads bytes from the start of `in` (which continues where the last call stopped) up to the end
  // of the head, and stores their number in *used.
  Result ParseHead(std::string_view in, size_t* used);
  // The same for a chunked body, whose content is appended to `body`.
  Result ParseChunks(std::string_view in, size_t* used, ByteBuffer* body);

  // Why, after kRefused: an HTTP status and a sentence.
  int refusal_status() const;
  const std::string& refusal() const;

  bool started() const;    // ParseHead() was called since Reset()
  bool head_done() const;  // it returned kDone
  // Valid until Reset(); empty, or as for a plain HTTP/1.1 request, before the head is complete.
  std::string_view method() const;  // upper case
  std::string_view target() const;
  std::string_view Header(std::string_view name) const;   // any case; "" if absent
  std::string JoinedHeader(std::string_view name) const;  // all of that name, joined with ", "
  int http_minor() const;                                 // 0 or 1
  bool keep_alive() const;
  bool chunked() const;
  uint64_t content_length() const;  // 0 if there is none
  bool expects_continue() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace

#endif  // MILLRACE_NET_HTTP_REQUEST_PARSER_H_
