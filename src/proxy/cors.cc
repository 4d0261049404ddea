#include "proxy/cors.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "base/strings.h"

namespace millrace::proxy {
namespace {

constexpr size_t kMaxOriginBytes = 512;
constexpr size_t kMaxRequestedHeaderBytes = 1024;
constexpr std::string_view kAllowedHeaders = "Authorization, Content-Type, traceparent";

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
}

// What a browser may send as Origin: nothing that could end a header or name two origins.
bool IsPlausible(std::string_view origin) {
  return origin.size() <= kMaxOriginBytes && std::all_of(origin.begin(), origin.end(), [](char c) {
           return c > ' ' && c < 0x7f && c != ',' && c != '*' && c != '"';
         });
}

// The headers that are always allowed, and those that the page wants to send beside them.
std::string AllowedHeaders(std::string_view requested) {
  std::string allowed(kAllowedHeaders);
  if (requested.size() > kMaxRequestedHeaderBytes) return allowed;
  for (const absl::string_view part : absl::StrSplit(ToAbsl(requested), ',')) {
    const std::string_view name = TrimBlanks(ToStd(part));
    const bool known = absl::EqualsIgnoreCase(ToAbsl(name), "authorization") ||
                       absl::EqualsIgnoreCase(ToAbsl(name), "content-type") ||
                       absl::EqualsIgnoreCase(ToAbsl(name), "traceparent");
    if (IsToken(name) && !known) StrAppend(&allowed, ", ", name);
  }
  return allowed;
}

}  // namespace

absl::StatusOr<Cors> Cors::Make(const std::vector<std::string>& origins) {
  Cors cors;
  for (const std::string& text : origins) {
    const size_t scheme = text.find("://");
    const size_t host = scheme == std::string::npos ? scheme : scheme + 3;
    if (host == std::string::npos || host >= text.size() || scheme == 0 || !IsPlausible(text)) {
      return absl::InvalidArgumentError(
          StrCat("\"", text, "\" is not an origin, such as https://www.example.com"));
    }
    cors.origins_.push_back(absl::AsciiStrToLower(text.substr(0, text.find('/', host))));
  }
  return cors;
}

std::string_view Cors::AllowedOrigin(std::string_view origin) const {
  if (origins_.empty()) return IsPlausible(origin) ? origin : "null";
  for (const std::string& allowed : origins_) {
    if (absl::EqualsIgnoreCase(allowed, ToAbsl(origin))) return origin;
  }
  return origins_.front();
}

void Cors::AddHeaders(const ServerRequest& request, ServerResponse* reply) const {
  const std::string_view origin = request.header("origin");
  if (origin.empty()) return;
  reply->headers.reserve(reply->headers.size() + 4);
  reply->headers.emplace_back("Access-Control-Allow-Origin", AllowedOrigin(origin));
  reply->headers.emplace_back("Access-Control-Allow-Credentials", "true");
  reply->headers.emplace_back("Access-Control-Expose-Headers", "Retry-After");
  reply->headers.emplace_back("Vary", "Origin");
}

ServerResponse Cors::Preflight(const ServerRequest& request) const {
  ServerResponse reply;
  reply.status = 204;
  AddHeaders(request, &reply);
  reply.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  reply.headers.emplace_back("Access-Control-Allow-Headers",
                             AllowedHeaders(request.header("access-control-request-headers")));
  reply.headers.emplace_back("Access-Control-Max-Age", "7200");
  return reply;
}

}  // namespace millrace::proxy
