#include "net/server_response.h"

#include <array>
#include <charconv>

#include "absl/time/civil_time.h"
#include "base/json_writer.h"
#include "base/strings.h"

namespace millrace {
namespace {

void AppendNumber(size_t number, int base, ByteBuffer* out) {
  constexpr size_t kMaxDigits = 20;
  char* begin = out->Reserve(kMaxDigits);
  out->Commit(std::to_chars(begin, begin + kMaxDigits, number, base).ptr - begin);
}

void AppendHeader(std::string_view name, std::string_view value, ByteBuffer* out) {
  out->Append(name);
  out->Append(": ");
  out->Append(value);
  out->Append("\r\n");
}

}  // namespace

std::string_view ReasonPhrase(int status) {
  struct Phrase {
    int status;
    std::string_view text;
  };
  static constexpr auto kPhrases = std::to_array<Phrase>({
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {411, "Length Required"},
      {413, "Request Entity Too Large"},
      {415, "Unsupported Media Type"},
      {417, "Expectation Failed"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
  });
  for (const Phrase& phrase : kPhrases) {
    if (phrase.status == status) return phrase.text;
  }
  return "Unknown";
}

bool StatusHasBody(int status) { return status != 204 && status != 304; }

std::string HttpDate(absl::Time time) {
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", time, absl::UTCTimeZone());
}

void AppendResponseHead(const ServerResponse& reply, const ResponseFraming& framing,
                        ByteBuffer* out) {
  out->Append("HTTP/1.1 ");
  AppendNumber(static_cast<size_t>(reply.status), 10, out);
  out->Append(' ');
  out->Append(ReasonPhrase(reply.status));
  out->Append("\r\n");
  AppendHeader("Date", framing.date, out);
  if (StatusHasBody(reply.status)) {
    if (!reply.content_type.empty()) AppendHeader("Content-Type", reply.content_type, out);
    if (!reply.next_piece) {
      out->Append("Content-Length: ");
      AppendNumber(reply.body.size(), 10, out);
      out->Append("\r\n");
    } else if (framing.http_minor > 0) {
      out->Append("Transfer-Encoding: chunked\r\n");
    }
  }
  for (const auto& [name, value] : reply.headers) AppendHeader(name, value, out);
  if (!framing.keep_alive) {
    out->Append("Connection: close\r\n");
  } else if (framing.http_minor == 0) {
    out->Append("Connection: keep-alive\r\n");
  }
  out->Append("\r\n");
}

void AppendChunk(std::string_view piece, ByteBuffer* out) {
  AppendNumber(piece.size(), 16, out);
  out->Append("\r\n");
  out->Append(piece);
  out->Append("\r\n");
}

ServerResponse ErrorResponse(int status, std::string_view error) {
  ServerResponse reply;
  reply.status = status;
  reply.body = StrCat("{\"code\":", status, ",\"error\":");
  AppendJsonString(reply.body, error);
  reply.body += ",\"status\":";
  AppendJsonString(reply.body, ReasonPhrase(status));
  reply.body += '}';
  return reply;
}

}  // namespace millrace
