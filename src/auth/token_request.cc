#include "auth/token_request.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/http_status.h"
#include "net/server_clock.h"
#include "net/url.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxExplanation = 300;

// Whether it is valid in a header value.
bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
}

std::string TextAt(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// A number, or a string with a number.
std::optional<double> NumberAt(const Json& object, const char* key) {
  double number = 0;
  const auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  if (found->is_number()) {
    number = found->get<double>();
  } else if (!found->is_string() ||
             !absl::SimpleAtod(found->get_ref<const std::string&>(), &number)) {
    return std::nullopt;
  }
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

// The reason that the endpoint gives: OAuth's error and error_description, Google's error.message,
// or the code and message of AWS's XML. Empty if there is none, or if it contains a secret of the
// request.
std::string Explanation(std::string_view body, const std::vector<std::string>& secrets) {
  const Json reply = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  std::string text = TextAt(reply, "error");
  if (reply.is_object() && reply.contains("error") && reply["error"].is_object()) {
    text = TextAt(reply["error"], "message");
  }
  if (const std::string more = TextAt(reply, "error_description"); !more.empty()) {
    StrAppend(&text, text.empty() ? "" : ": ", more);
  }
  if (reply.is_discarded()) {
    text = ElementText(body, "Code");
    if (const std::string more = ElementText(body, "Message"); !more.empty()) {
      StrAppend(&text, text.empty() ? "" : ": ", more);
    }
  }
  for (const std::string& secret : secrets) {
    if (!secret.empty() && text.find(secret) != std::string::npos) return "";
  }
  for (char& c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return text.substr(0, kMaxExplanation);
}

absl::StatusCode CodeOf(int http_status) {
  if (http_status == 410 || IsRetryableStatus(http_status)) {
    return absl::StatusCode::kUnavailable;
  }
  return http_status == 403 ? absl::StatusCode::kPermissionDenied
                            : absl::StatusCode::kUnauthenticated;
}

}  // namespace

std::string FormBody(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string body;
  for (const auto& [name, value] : fields) {
    StrAppend(&body, body.empty() ? "" : "&", name, "=", UrlEncode(value));
  }
  return body;
}

absl::Status CheckMayCarrySecrets(std::string_view url) {
  ASSIGN_OR_RETURN(const Url parsed, ParseUrl(url));
  if (parsed.has_user) {
    return absl::InvalidArgumentError("a token URL must not contain a user name");
  }
  if (parsed.scheme == "https" || parsed.IsLoopback()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("http://", parsed.HostPort(), " would get secrets in the clear: it must be https"));
}

absl::StatusOr<TokenRequest> NewFormRequest(
    const std::string& url, const std::vector<std::pair<std::string, std::string>>& fields) {
  RETURN_IF_ERROR(CheckMayCarrySecrets(url));
  TokenRequest request;
  request.http.method = "POST";
  request.http.url = url;
  request.http.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = FormBody(fields);
  return request;
}

absl::StatusOr<std::string> Ask(HttpClient& http, const TokenRequest& request,
                                std::stop_token stop) {
  HttpRequest send = request.http;
  send.body = request.body;
  send.timeout = absl::Seconds(30);
  send.max_response_bytes = kMaxResponseBytes;
  ASSIGN_OR_RETURN(HttpResponse reply, http.Send(send, std::move(stop)));
  return ReadResponse(request, std::move(reply));
}

absl::StatusOr<std::string> ReadResponse(const TokenRequest& request, HttpResponse reply) {
  if (reply.status / 100 == 2) return std::move(reply.body);
  ASSIGN_OR_RETURN(const Url url, ParseUrl(request.http.url));
  std::string error = StrCat(url.HostPort(), " answered ", reply.status);
  if (const std::string why = Explanation(reply.body, request.secrets); !why.empty()) {
    StrAppend(&error, ": ", why);
  }
  if (request.signed_at.has_value()) {
    const std::string hint = ClockHint(reply, *request.signed_at);
    if (!hint.empty()) StrAppend(&error, "; ", hint);
  }
  return absl::Status(CodeOf(reply.status), error);
}

std::string ElementText(std::string_view xml, std::string_view name) {
  const std::string open = StrCat("<", name, ">");
  const size_t begin = xml.find(open);
  if (begin == std::string_view::npos) return "";
  const size_t from = begin + open.size();
  const size_t end = xml.find("</", from);
  if (end == std::string_view::npos) return "";
  return absl::StrReplaceAll(ToAbsl(xml.substr(from, end - from)), {{"&lt;", "<"},
                                                                    {"&gt;", ">"},
                                                                    {"&quot;", "\""},
                                                                    {"&apos;", "'"},
                                                                    {"&#39;", "'"},
                                                                    {"&amp;", "&"}});
}

absl::StatusOr<AccessToken> ParseTokenResponse(std::string_view body, absl::Time now) {
  const Json reply = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  AccessToken token{.value = TextAt(reply, "access_token"), .expires = now + absl::Hours(1)};
  if (!IsToken(token.value)) return absl::UnavailableError("the response contains no access token");
  if (const auto life = NumberAt(reply, "expires_in")) {
    token.expires = now + absl::Seconds(std::clamp(*life, 0.0, 1e7));
  } else if (const auto end = NumberAt(reply, "expires_on")) {
    token.expires =
        std::clamp(absl::FromUnixSeconds(0) + absl::Seconds(*end), now, now + absl::Seconds(1e7));
  }
  return token;
}

absl::StatusOr<AccessToken> ParseImpersonationResponse(std::string_view body) {
  const Json reply = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  AccessToken token{.value = TextAt(reply, "accessToken")};
  std::string error;
  if (!IsToken(token.value) ||
      !absl::ParseTime(absl::RFC3339_full, TextAt(reply, "expireTime"), &token.expires, &error)) {
    return absl::UnavailableError("the response contains no accessToken with its expireTime");
  }
  return token;
}

}  // namespace millrace
