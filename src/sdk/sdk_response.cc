#include "sdk/sdk_response.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "base/json_writer.h"
#include "base/strings.h"
#include "net/server_response.h"

namespace millrace::sdk {
namespace {

// A GIF with one transparent pixel.
constexpr std::string_view kPixel(
    "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00"
    "\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02"
    "D\x01\x00;",
    43);

bool IsJavaScriptName(std::string_view name) {
  return !name.empty() && name.size() <= 100 && !absl::ascii_isdigit(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' ||
                  c == '.';
         });
}

}  // namespace

ServerResponse SdkResponse(const Params& params, bool success, std::string_view error) {
  ServerResponse reply;
  if (params.Flag("img")) {
    reply.content_type = "image/gif";
    reply.body = kPixel;
    return reply;
  }
  if (params.Flag("verbose")) {
    reply.body = "{\"error\":";
    if (success) {
      reply.body += "null";
    } else {
      AppendJsonString(reply.body, error);
    }
    StrAppend(&reply.body, ",\"status\":", success ? 1 : 0, "}");
  } else {
    reply.body.push_back(success ? '1' : '0');
  }
  if (params.Has("callback")) {
    const std::string_view callback = params.Get("callback");
    if (!IsJavaScriptName(callback)) return ErrorResponse(400, "callback is not a JavaScript name");
    reply.content_type = "text/javascript; charset=utf-8";
    reply.headers.emplace_back("X-Content-Type-Options", "nosniff");
    reply.body = StrCat(callback, "(", reply.body, ")");
  }
  return reply;
}

}  // namespace millrace::sdk
