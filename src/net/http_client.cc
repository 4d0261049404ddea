#include "net/http_client.h"

#include <curl/curl.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "base/strings.h"

namespace millrace {

std::string_view HttpResponse::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

absl::Duration HttpResponse::RetryAfter(absl::Time now) const {
  const std::string value(header("retry-after"));
  if (value.empty()) return absl::ZeroDuration();
  if (int64_t seconds = 0; absl::SimpleAtoi(value, &seconds)) {
    return std::max(absl::Seconds(seconds), absl::ZeroDuration());
  }
  const time_t date = curl_getdate(value.c_str(), nullptr);
  if (date < 0) return absl::ZeroDuration();
  return std::max(absl::FromTimeT(date) - now, absl::ZeroDuration());
}

std::optional<absl::Time> HttpResponse::Date() const {
  const time_t date = curl_getdate(std::string(header("date")).c_str(), nullptr);
  return date < 0 ? std::nullopt : std::optional<absl::Time>(absl::FromTimeT(date));
}

std::string BasicAuthorization(std::string_view user, std::string_view password) {
  return StrCat("Basic ", absl::Base64Escape(StrCat(user, ":", password)));
}

}  // namespace millrace
