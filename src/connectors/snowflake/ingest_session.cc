#include "connectors/snowflake/ingest_session.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "auth/token_request.h"
#include "base/json_parse.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/snowflake/account_client.h"
#include "net/url.h"

namespace millrace::snowflake {
namespace {

constexpr std::string_view kJwtGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr std::string_view kExchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";
constexpr std::string_view kAccessToken = "urn:ietf:params:oauth:token-type:access_token";
constexpr std::string_view kProgrammaticToken = "programmatic_access_token";
constexpr absl::Duration kAssumedLifetime = absl::Hours(1);
constexpr size_t kMaxHost = 255;

// The service responds in plain text, although its documentation has {"hostname": "..."}.
std::string TextOrMember(const std::string& body, const char* member) {
  const std::optional<nlohmann::json> json = ParseJson(body);
  if (json && json->is_string()) return json->get<std::string>();
  if (json && json->is_object()) {
    const auto found = json->find(member);
    return found != json->end() && found->is_string() ? found->get<std::string>() : "";
  }
  return std::string(TrimBlanks(body));
}

bool IsHost(std::string_view text) {
  return !text.empty() && text.size() <= kMaxHost &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) || c == '.' || c == '-' || c == '_' || c == ':';
         });
}

// Certificates have no name with '_'. Where the account is reached at a port, as in tests, the
// ingest host is at the same.
absl::StatusOr<std::string> IngestUrl(const std::string& account_url, std::string host) {
  ASSIGN_OR_RETURN(const Url account, ParseUrl(account_url));
  std::replace(host.begin(), host.end(), '_', '-');
  const bool has_port = host.find(':') != std::string::npos;
  const bool is_default = account.port == (account.scheme == "http" ? 80 : 443);
  return StrCat(account.scheme, "://", host,
                has_port || is_default ? "" : StrCat(":", account.port));
}

// The token goes to the host: to one of Snowflake's, of the account's domain, or, if the account is
// on this machine, to this machine.
bool MayIngestAt(const Url& account, const Url& ingest) {
  if (account.IsLoopback() && ingest.IsLoopback()) return true;
  const auto is_in = [&](std::string_view domain) {
    return ingest.host.size() > domain.size() && ingest.host.ends_with(domain) &&
           ingest.host[ingest.host.size() - domain.size() - 1] == '.';
  };
  if (ingest.host == account.host || is_in("snowflakecomputing.com") ||
      is_in("snowflakecomputing.cn")) {
    return true;
  }
  // "acct.example.com" and what is beside it; a top-level domain is nobody's.
  const size_t dot = account.host.find('.');
  if (account.IsLoopback() || dot == std::string::npos) return false;
  const std::string_view domain = std::string_view(account.host).substr(dot + 1);
  const bool is_address = account.host.find_first_not_of("0123456789.:[]") == std::string::npos;
  return !is_address && domain.find('.') != std::string_view::npos && is_in(domain);
}

}  // namespace

absl::Time ExpiryOf(std::string_view token, absl::Time now) {
  const size_t begin = token.find('.');
  const size_t end = begin == std::string_view::npos ? begin : token.find('.', begin + 1);
  std::string claims;
  if (end != std::string_view::npos &&
      absl::WebSafeBase64Unescape(ToAbsl(token.substr(begin + 1, end - begin - 1)), &claims)) {
    const std::optional<nlohmann::json> json = ParseJson(claims);
    if (json && json->is_object()) {
      const auto expiry = json->find("exp");
      if (expiry != json->end() && expiry->is_number_integer()) {
        return absl::FromUnixSeconds(expiry->get<int64_t>());
      }
    }
  }
  return now + kAssumedLifetime;
}

class IngestSession::Exchange final : public TokenFetcher {
 public:
  Exchange(IngestSession& session, const SnowflakeSpec& spec, SignIn& sign_in,
           std::unique_ptr<HttpClient> http, Clock& clock)
      : session_(session),
        spec_(spec),
        sign_in_(sign_in),
        account_(spec.url, sign_in, std::move(http), clock) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& /*http*/, std::stop_token stop) override {
    if (host_.empty()) RETURN_IF_ERROR(FindHost(stop));
    const bool is_any = sign_in_.type == TokenType::kAny;
    absl::StatusOr<AccessToken> token = Ask(kProgrammaticToken, stop);
    if (is_any && !token.ok() && !absl::IsUnavailable(token.status())) {
      return Ask(kAccessToken, stop);
    }
    return token;
  }

 private:
  absl::Status FindHost(const std::stop_token& stop) {
    ASSIGN_OR_RETURN(const std::string body, Send({.url = "/v2/streaming/hostname"}, stop));
    std::string host = TextOrMember(body, "hostname");
    if (!IsHost(host)) {
      return absl::FailedPreconditionError(
          StrCat("asking ", spec_.url,
                 " for the host of Snowpipe Streaming: it named none; use "
                 "method=sql if this account has no Snowpipe Streaming"));
    }
    ASSIGN_OR_RETURN(std::string url, IngestUrl(spec_.url, host));
    ASSIGN_OR_RETURN(const Url account, ParseUrl(spec_.url));
    const absl::StatusOr<Url> ingest = ParseUrl(url);
    if (!ingest.ok() || !MayIngestAt(account, *ingest)) {
      return absl::FailedPreconditionError(
          StrCat(spec_.url, " names ", host,
                 " as the host of Snowpipe Streaming, which is in no domain of the account or of "
                 "Snowflake: no token is sent there; is url= right?"));
    }
    host_ = std::move(host);
    absl::MutexLock lock(&session_.mutex_);
    session_.url_ = std::move(url);
    return absl::OkStatus();
  }

  // `subject`: what kind of token the sign-in has, unless it has a key pair or says so itself.
  absl::StatusOr<AccessToken> Ask(std::string_view subject, const std::stop_token& stop) {
    std::vector<std::pair<std::string, std::string>> fields;
    if (sign_in_.type == TokenType::kKeyPair) {
      fields = {{"grant_type", std::string(kJwtGrant)}, {"scope", host_}};
    } else {
      if (sign_in_.type == TokenType::kOauth) subject = kAccessToken;
      const std::string role = spec_.role.empty() ? "" : StrCat(" session:role:", spec_.role);
      fields = {{"grant_type", std::string(kExchangeGrant)},
                {"scope", host_ + role},
                {"subject_token_type", std::string(subject)}};
    }
    const std::string form = FormBody(fields);
    ASSIGN_OR_RETURN(const std::string body,
                     Send({.method = "POST",
                           .url = "/oauth/token",
                           .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                           .body = form},
                          stop));
    std::string token = TextOrMember(body, "token");
    if (token.empty() || token.find_first_of(" \t\r\n\"") != std::string::npos) {
      return absl::UnavailableError("Snowflake's response to a token exchange holds no token");
    }
    const absl::Time expires = ExpiryOf(token, account_.clock().Now());
    return AccessToken{std::move(token), expires};
  }

  absl::StatusOr<std::string> Send(HttpRequest request, const std::stop_token& stop) {
    request.max_response_bytes = kMaxResponseBytes;
    request.timeout = absl::Seconds(30);
    ASSIGN_OR_RETURN(HttpResponse response, account_.Send(std::move(request), stop));
    if (response.status != 200) return StatusOf(ParseServerError(response));
    return std::move(response.body);
  }

  IngestSession& session_;
  const SnowflakeSpec& spec_;
  SignIn& sign_in_;
  AccountClient account_;
  std::string host_;
};

IngestSession::IngestSession(const SnowflakeSpec& spec, SignIn& sign_in,
                             const HttpClientFactory& new_http, Clock& clock)
    : tokens_(NewCachedTokenSource(
          std::make_unique<Exchange>(*this, spec, sign_in, new_http(), clock), new_http(), clock)) {
}

IngestSession::~IngestSession() = default;

absl::StatusOr<IngestSession::Access> IngestSession::Get(std::stop_token stop) {
  ASSIGN_OR_RETURN(AccessToken token, tokens_->Token(std::move(stop)));
  absl::MutexLock lock(&mutex_);
  return Access{url_, std::move(token)};
}

}  // namespace millrace::snowflake
