#include "stores/cloud_error.h"

#include <algorithm>

#include "absl/strings/str_replace.h"
#include "base/percent_encoding.h"
#include "base/strings.h"
#include "net/http_status.h"
#include "net/url.h"

namespace millrace {
namespace {

constexpr size_t kLongestQuote = 300;

// The server's text for a message: one line of limited length.
std::string Quote(std::string_view text) {
  std::string quote(text.substr(0, kLongestQuote));
  for (char& c : quote) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  if (text.size() > kLongestQuote) quote += "...";
  return quote;
}

}  // namespace

absl::Status CloudStatus(absl::StatusCode code, std::string_view hint, const CloudError& error) {
  std::string said = StrCat("HTTP ", error.http_status);
  if (!error.code.empty()) StrAppend(&said, " ", Quote(error.code));
  if (!error.message.empty()) StrAppend(&said, ": ", Quote(error.message));
  if (hint.empty()) return absl::Status(code, said);
  return absl::Status(code, StrCat(hint, " (", said, ")"));
}

absl::StatusCode CodeOfHttp(int http_status) {
  switch (http_status) {
    case 400:
      return absl::StatusCode::kInvalidArgument;
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
    case 410:
      return absl::StatusCode::kNotFound;
    case 412:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return IsRetryableStatus(http_status) ? absl::StatusCode::kUnavailable
                                            : absl::StatusCode::kInternal;
  }
}

absl::Status SplitCloudUri(std::string_view uri, std::string_view example, UriParts& parts) {
  const size_t begin = uri.find("://") + 3;
  const size_t slash = std::min(uri.find('/', begin), uri.size());
  parts.bucket = uri.substr(begin, slash - begin);
  parts.root = uri.substr(0, slash + 1);
  parts.key = uri.substr(std::min(slash + 1, uri.size()));
  if (parts.bucket.empty()) {
    return absl::InvalidArgumentError(StrCat("'", uri, "' names no bucket; write ", example));
  }
  return absl::OkStatus();
}

std::string EncodeKey(std::string_view key) {
  return absl::StrReplaceAll(UrlEncode(key), {{"%2F", "/"}});
}

}  // namespace millrace
