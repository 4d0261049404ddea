#include "auth/aws_signature.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "auth/crypto.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/url.h"

namespace millrace {
namespace {

std::string HostHeader(const Url& url) {
  const bool usual = url.port == (url.scheme == "https" ? 443 : 80);
  return usual ? url.host : url.HostPort();
}

// Pairs by name, then value; a name without '=' gets one.
std::string CanonicalQuery(const std::string& query) {
  std::vector<std::string> pairs = absl::StrSplit(query, '&', absl::SkipEmpty());
  for (std::string& pair : pairs) {
    if (pair.find('=') == std::string::npos) pair += '=';
  }
  // '=' sorts after digits: compare the names alone first.
  std::sort(pairs.begin(), pairs.end(), [](const std::string& a, const std::string& b) {
    const auto name = [](const std::string& pair) { return pair.substr(0, pair.find('=')); };
    return std::pair(name(a), a) < std::pair(name(b), b);
  });
  return absl::StrJoin(pairs, "&");
}

std::string CanonicalPath(const std::string& path, bool encode) {
  if (!encode) return path;
  std::vector<std::string> parts = absl::StrSplit(path, '/');
  for (std::string& part : parts) part = UrlEncode(part);
  return absl::StrJoin(parts, "/");
}

std::string SigningKey(const AwsRequest& request, const std::string& secret,
                       const std::string& day) {
  std::string key = HmacSha256(StrCat("AWS4", secret), day);
  key = HmacSha256(key, request.region);
  key = HmacSha256(key, request.service);
  return HmacSha256(key, "aws4_request");
}

}  // namespace

absl::StatusOr<HttpHeaders> SignAwsRequest(const AwsRequest& request, const AwsKeys& keys,
                                           absl::Time now) {
  ASSIGN_OR_RETURN(const Url url, ParseUrl(request.url));
  const std::string time = absl::FormatTime("%Y%m%dT%H%M%SZ", now, absl::UTCTimeZone());
  const std::string day = time.substr(0, 8);
  HttpHeaders headers = request.headers;
  headers.emplace_back("Host", HostHeader(url));
  headers.emplace_back("X-Amz-Date", time);
  if (!keys.session_token.empty()) {
    headers.emplace_back("X-Amz-Security-Token", keys.session_token);
  }
  std::map<std::string, std::string> canonical;
  for (const auto& [name, value] : headers) {
    std::string text(absl::StripAsciiWhitespace(value));
    absl::RemoveExtraAsciiWhitespace(&text);
    canonical[absl::AsciiStrToLower(name)] = std::move(text);
  }
  std::string lines;
  std::vector<std::string> names;
  for (const auto& [name, value] : canonical) {
    StrAppend(&lines, name, ":", value, "\n");
    names.push_back(name);
  }
  const std::string signed_names = absl::StrJoin(names, ";");
  const std::string canonical_request = StrCat(
      request.method, "\n", CanonicalPath(url.path, request.encode_path), "\n",
      CanonicalQuery(url.query), "\n", lines, "\n", signed_names, "\n", request.payload_sha256);
  const std::string scope = StrCat(day, "/", request.region, "/", request.service, "/aws4_request");
  const std::string to_sign =
      StrCat("AWS4-HMAC-SHA256\n", time, "\n", scope, "\n", Sha256Hex(canonical_request));
  const std::string signature =
      LowerHex(HmacSha256(SigningKey(request, keys.secret_access_key, day), to_sign));
  headers.emplace_back("Authorization",
                       StrCat("AWS4-HMAC-SHA256 Credential=", keys.access_key_id, "/", scope,
                              ", SignedHeaders=", signed_names, ", Signature=", signature));
  return headers;
}

std::string_view AwsDomain(std::string_view region) {
  constexpr std::pair<std::string_view, std::string_view> kDomains[] = {
      {"cn-", "amazonaws.com.cn"},    {"us-iso-", "c2s.ic.gov"},      {"us-isob-", "sc2s.sgov.gov"},
      {"us-isof-", "csp.hci.ic.gov"}, {"eu-isoe-", "cloud.adc-e.uk"}, {"eusc-", "amazonaws.eu"}};
  for (const auto& [prefix, domain] : kDomains) {
    if (region.starts_with(prefix)) return domain;
  }
  return "amazonaws.com";
}

}  // namespace millrace
