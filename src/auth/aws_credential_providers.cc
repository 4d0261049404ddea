#include "auth/aws_credential_providers.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "auth/aws_signature.h"
#include "auth/crypto.h"
#include "auth/metadata_service.h"
#include "auth/subprocess.h"
#include "auth/token_request.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxTokenBytes = 64 << 10;

std::string Variable(const Environment& environment, std::string_view name) {
  return environment(name).value_or("");
}

absl::StatusOr<AccessToken> Token(const AwsKeys& keys, std::string_view expiration) {
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) {
    return absl::UnavailableError("the response contains no keys");
  }
  AccessToken token{.value = JoinAwsKeys(keys)};
  std::string error;
  if (!expiration.empty() &&
      !absl::ParseTime(absl::RFC3339_full, ToAbsl(expiration), &token.expires, &error)) {
    return absl::UnavailableError("the response contains no valid expiration time");
  }
  return token;
}

// {"AccessKeyId", "SecretAccessKey", "Token" or "SessionToken", "Expiration"}.
absl::StatusOr<AccessToken> ParseKeysJson(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto member = [&](const char* name) {
    const auto found = json.is_object() ? json.find(name) : json.end();
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const std::string token = member("Token");
  return Token({member("AccessKeyId"), member("SecretAccessKey"),
                token.empty() ? member("SessionToken") : token},
               member("Expiration"));
}

class FixedKeys : public TokenFetcher {
 public:
  explicit FixedKeys(const AwsKeys& keys) : keys_(keys) {}
  absl::StatusOr<AccessToken> Fetch(HttpClient&, std::stop_token) override {
    return Token(keys_, "");
  }

 private:
  const AwsKeys keys_;
};

// The Security Token Service: the request is a form, the response XML.
class StsKeys : public TokenFetcher {
 public:
  StsKeys(AwsRole role, const AwsAuthOptions& options)
      : role_(std::move(role)), clock_(options.clock) {
    url_ = Variable(options.environment, "AWS_ENDPOINT_URL_STS");
    if (url_.empty()) url_ = Variable(options.environment, "AWS_ENDPOINT_URL");
    while (url_.ends_with('/')) url_.pop_back();
    if (url_.empty()) {
      url_ = role_.region.empty()
                 ? "https://sts.amazonaws.com"
                 : StrCat("https://sts.", role_.region, ".", AwsDomain(role_.region));
    }
    url_ += "/";
  }

 protected:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  Fields RoleFields(std::string action) const {
    Fields fields = {
        {"Action", std::move(action)},
        {"Version", "2011-06-15"},
        {"RoleArn", role_.arn},
        {"RoleSessionName", role_.session_name.empty() ? "millrace" : role_.session_name}};
    if (!role_.duration_seconds.empty()) {
      fields.emplace_back("DurationSeconds", role_.duration_seconds);
    }
    return fields;
  }

  // `keys` sign the request; null: unsigned.
  absl::StatusOr<AccessToken> AskSts(HttpClient& http, const Fields& fields, const AwsKeys* keys,
                                     std::stop_token stop) const {
    ASSIGN_OR_RETURN(TokenRequest request, NewFormRequest(url_, fields));
    for (const auto& [name, value] : fields) {
      if (name == "WebIdentityToken") request.secrets.push_back(value);
    }
    if (keys != nullptr) {
      request.signed_at = clock_.Now();
      ASSIGN_OR_RETURN(request.http.headers,
                       SignAwsRequest({.method = "POST",
                                       .url = url_,
                                       .headers = request.http.headers,
                                       .payload_sha256 = Sha256Hex(request.body),
                                       .region = role_.region.empty() ? "us-east-1" : role_.region,
                                       .service = "sts",
                                       .encode_path = true},
                                      *keys, *request.signed_at));
    }
    absl::StatusOr<std::string> answer = Ask(http, request, std::move(stop));
    if (!answer.ok()) return Annotate(answer.status(), StrCat("assuming the role ", role_.arn));
    return Token({ElementText(*answer, "AccessKeyId"), ElementText(*answer, "SecretAccessKey"),
                  ElementText(*answer, "SessionToken")},
                 ElementText(*answer, "Expiration"));
  }

  const AwsRole role_;

 private:
  Clock& clock_;
  std::string url_;
};

class AssumedRoleKeys : public StsKeys {
 public:
  AssumedRoleKeys(AwsRole role, std::unique_ptr<TokenFetcher> source, const AwsAuthOptions& options)
      : StsKeys(std::move(role), options), source_(std::move(source)) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& http, std::stop_token stop) override {
    ASSIGN_OR_RETURN(const AccessToken token, source_->Fetch(http, stop));
    ASSIGN_OR_RETURN(const AwsKeys keys, SplitAwsKeys(token.value));
    Fields fields = RoleFields("AssumeRole");
    if (!role_.external_id.empty()) fields.emplace_back("ExternalId", role_.external_id);
    return AskSts(http, fields, &keys, std::move(stop));
  }

 private:
  const std::unique_ptr<TokenFetcher> source_;
};

class WebIdentityKeys : public StsKeys {
 public:
  WebIdentityKeys(AwsRole role, std::string token_file, const AwsAuthOptions& options)
      : StsKeys(std::move(role), options), token_file_(std::move(token_file)) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& http, std::stop_token stop) override {
    // Read each time: the file is replaced before the token expires.
    absl::StatusOr<std::string> token = ReadWholeFile(token_file_, kMaxTokenBytes);
    if (!token.ok()) {
      return Annotate(absl::UnauthenticatedError(token.status().message()),
                      "reading the web identity token");
    }
    Fields fields = RoleFields("AssumeRoleWithWebIdentity");
    fields.emplace_back("WebIdentityToken", absl::StripAsciiWhitespace(*token));
    return AskSts(http, fields, nullptr, std::move(stop));
  }

 private:
  const std::string token_file_;
};

class ContainerKeys : public TokenFetcher {
 public:
  ContainerKeys(std::string url, std::string authorization, std::string authorization_file)
      : url_(std::move(url)),
        authorization_(std::move(authorization)),
        authorization_file_(std::move(authorization_file)) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& http, std::stop_token stop) override {
    TokenRequest request{.http = {.url = url_}};
    std::string authorization = authorization_;
    if (!authorization_file_.empty()) {
      ASSIGN_OR_RETURN(authorization, ReadWholeFile(authorization_file_, kMaxTokenBytes));
      absl::StripAsciiWhitespace(&authorization);
    }
    if (!authorization.empty()) request.http.headers = {{"Authorization", authorization}};
    absl::StatusOr<std::string> answer = Ask(http, request, std::move(stop));
    if (!answer.ok()) return Annotate(answer.status(), "getting the container's keys");
    return ParseKeysJson(*answer);
  }

 private:
  const std::string url_;
  const std::string authorization_;
  const std::string authorization_file_;
};

class InstanceKeys : public TokenFetcher {
 public:
  InstanceKeys(std::string endpoint, Clock& clock)
      : endpoint_(std::move(endpoint)),
        service_({.absent = kNoKeys, .connect_timeout = absl::Seconds(2)}, clock) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& http, std::stop_token stop) override {
    ASSIGN_OR_RETURN(const std::string session,
                     Get(http, "PUT", "/latest/api/token",
                         {{"X-aws-ec2-metadata-token-ttl-seconds", "300"}}, stop));
    const HttpHeaders headers = {{"X-aws-ec2-metadata-token", session}};
    const std::string folder = "/latest/meta-data/iam/security-credentials/";
    ASSIGN_OR_RETURN(std::string role, Get(http, "GET", folder, headers, stop));
    role = role.substr(0, role.find('\n'));
    ASSIGN_OR_RETURN(const std::string keys, Get(http, "GET", folder + role, headers, stop));
    return ParseKeysJson(keys);
  }

 private:
  static constexpr char kNoKeys[] =
      "no AWS keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give this "
      "machine a role";

  absl::StatusOr<std::string> Get(HttpClient& http, std::string method, const std::string& path,
                                  HttpHeaders headers, const std::stop_token& stop) {
    const HttpRequest request{
        .method = std::move(method), .url = endpoint_ + path, .headers = std::move(headers)};
    ASSIGN_OR_RETURN(HttpResponse reply, service_.Send(http, request, stop));
    absl::StatusOr<std::string> answer = ReadResponse({.http = request}, std::move(reply));
    if (answer.ok()) return answer;
    return absl::UnauthenticatedError(StrCat(kNoKeys, " (", ToStd(answer.status().message()), ")"));
  }

  const std::string endpoint_;
  MetadataService service_;
};

class ProcessKeys : public TokenFetcher {
 public:
  explicit ProcessKeys(const std::string& command) {
    // Words between blanks; quotes keep blanks.
    char quote = '\0';
    bool in_word = false;
    for (const char c : command) {
      if (quote == '\0' && (c == ' ' || c == '\t')) {
        in_word = false;
        continue;
      }
      if (!std::exchange(in_word, true)) command_.arguments.emplace_back();
      if (c == quote) {
        quote = '\0';
      } else if (quote == '\0' && (c == '"' || c == '\'')) {
        quote = c;
      } else {
        command_.arguments.back() += c;
      }
    }
  }

  absl::StatusOr<AccessToken> Fetch(HttpClient&, std::stop_token stop) override {
    absl::StatusOr<std::string> output = ReadChildOutput(command_, std::move(stop));
    if (!output.ok()) return Annotate(output.status(), "running the profile's credential_process");
    return ParseKeysJson(*output);
  }

 private:
  ChildCommand command_;
};

}  // namespace

std::unique_ptr<TokenFetcher> NewFixedAwsKeys(const AwsKeys& keys) {
  return std::make_unique<FixedKeys>(keys);
}

std::unique_ptr<TokenFetcher> NewAssumedRoleKeys(AwsRole role, std::unique_ptr<TokenFetcher> source,
                                                 const AwsAuthOptions& options) {
  return std::make_unique<AssumedRoleKeys>(std::move(role), std::move(source), options);
}

std::unique_ptr<TokenFetcher> NewWebIdentityKeys(AwsRole role, std::string token_file,
                                                 const AwsAuthOptions& options) {
  return std::make_unique<WebIdentityKeys>(std::move(role), std::move(token_file), options);
}

absl::StatusOr<std::unique_ptr<TokenFetcher>> NewContainerKeys(const AwsAuthOptions& options) {
  const Environment& environment = options.environment;
  std::string url = Variable(environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (const std::string path = Variable(environment, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
      !path.empty()) {
    url = StrCat("http://169.254.170.2", path);
  } else if (url.empty()) {
    return absl::NotFoundError("there is no container");
  } else if (!url.starts_with("http://169.254.170.") && !url.starts_with("http://[fd00:ec2::23]")) {
    RETURN_IF_ERROR(
        Annotate(CheckMayCarrySecrets(url), "reading AWS_CONTAINER_CREDENTIALS_FULL_URI"));
  }
  return std::make_unique<ContainerKeys>(
      std::move(url), Variable(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN"),
      Variable(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"));
}

std::unique_ptr<TokenFetcher> NewInstanceKeys(const AwsAuthOptions& options) {
  std::string endpoint = Variable(options.environment, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (endpoint.empty()) endpoint = "http://169.254.169.254";
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return std::make_unique<InstanceKeys>(std::move(endpoint), options.clock);
}

std::unique_ptr<TokenFetcher> NewProcessKeys(const std::string& command) {
  return std::make_unique<ProcessKeys>(command);
}

}  // namespace millrace
