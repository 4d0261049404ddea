// Small texts of HTTP: URLs, percent-encoding, forms, Retry-After.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/percent_encoding.h"
#include "base/strings.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/url.h"
#include "require.h"

namespace millrace {
namespace {

void CheckUrl(std::string_view text) {
  const absl::StatusOr<Url> url = ParseUrl(text);
  if (!url.ok()) return;
  Require(url->scheme == "http" || url->scheme == "https");
  Require(!url->host.empty() && url->port >= 0 && url->port <= 65535);
  Require(url->path.starts_with('/'));
  if (url->has_user || url->has_fragment) return;
  const std::string query = url->query.empty() ? "" : "?" + url->query;
  const absl::StatusOr<Url> again =
      ParseUrl(StrCat(url->scheme, "://", url->HostPort(), url->path, query));
  Require(again.ok() && again->host == url->host && again->port == url->port &&
          again->path == url->path && again->query == url->query);
}

void CheckForm(std::string_view text) {
  std::string encoded;
  const auto pairs = ParseForm(text);
  for (const auto& [name, value] : pairs) {
    StrAppend(&encoded, UrlEncode(name), "=", UrlEncode(value), "&");
  }
  Require(ParseForm(encoded) == pairs);
  for (const bool plus_is_space : {false, true}) {
    Require(UrlDecode(UrlEncode(text), plus_is_space) == text);
    Require(UrlDecode(text, plus_is_space).size() <= text.size());
  }
}

void CheckRetryAfter(std::string_view text) {
  HttpResponse response;
  response.headers.emplace_back("retry-after", text);
  Require(response.RetryAfter(absl::FromUnixSeconds(1'767'225'600)) >= absl::ZeroDuration());
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  millrace::CheckUrl(text);
  millrace::CheckForm(text);
  millrace::CheckRetryAfter(text);
  return 0;
}
