#include "net/url.h"

#include <curl/curl.h>

#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "base/strings.h"

namespace millrace {
namespace {

using CurlUrl = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

// The part, or "" if the URL has none.
std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  std::string copy(text);
  curl_free(text);
  return copy;
}

bool Has(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  const bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;
  curl_free(text);
  return has;
}

}  // namespace

std::string Url::HostPort() const { return StrCat(host, ":", port); }

bool Url::IsLoopback() const {
  return host == "localhost" || host == "[::1]" || absl::EndsWith(host, ".localhost") ||
         (absl::StartsWith(host, "127.") &&
          host.find_first_not_of("0123456789.") == std::string::npos);
}

absl::StatusOr<Url> ParseUrl(std::string_view text) {
  const CurlUrl parsed(curl_url(), &curl_url_cleanup);
  const std::string terminated(text);
  if (terminated.size() != std::char_traits<char>::length(terminated.c_str()) ||
      curl_url_set(parsed.get(), CURLUPART_URL, terminated.c_str(),
                   CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS) != CURLUE_OK) {
    return absl::InvalidArgumentError("not a URL such as https://host/path");
  }
  Url url;
  url.scheme = Part(parsed.get(), CURLUPART_SCHEME);
  if (url.scheme != "http" && url.scheme != "https") {
    return absl::InvalidArgumentError("the URL must begin with http:// or https://");
  }
  url.host = absl::AsciiStrToLower(Part(parsed.get(), CURLUPART_HOST));
  if (!absl::SimpleAtoi(Part(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT), &url.port) ||
      url.host.empty()) {
    return absl::InvalidArgumentError("the URL must name a host");
  }
  url.path = Part(parsed.get(), CURLUPART_PATH);
  url.query = Part(parsed.get(), CURLUPART_QUERY);
  url.has_user = Has(parsed.get(), CURLUPART_USER) || Has(parsed.get(), CURLUPART_PASSWORD);
  url.has_fragment = Has(parsed.get(), CURLUPART_FRAGMENT);
  return url;
}

}  // namespace millrace
