#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_replace.h"
#include "auth/aws_signature.h"
#include "auth/crypto.h"
#include "auth/google_fetchers.h"
#include "auth/google_subject_token.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/url.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

struct AwsSource {
  std::string verification_url;  // "{region}" in it is replaced
  std::string region_url;        // of the instance's metadata; empty: only the environment
  std::string security_url;      // likewise
  std::string session_url;       // IMDSv2; empty: no session token is needed
};

// Keys and region from the environment, else from the instance's metadata (in that order, as
// Google's libraries do).
class AwsSubjectToken : public SubjectToken {
 public:
  AwsSubjectToken(AwsSource source, std::string audience, const GoogleAuthOptions& options)
      : source_(std::move(source)),
        audience_(std::move(audience)),
        environment_(options.environment),
        clock_(options.clock) {}

  absl::StatusOr<std::string> Get(HttpClient& http, std::stop_token stop) override {
    HttpHeaders session;
    if (NeedsMetadata()) {
      ASSIGN_OR_RETURN(session, StartSession(http, stop));
    }
    ASSIGN_OR_RETURN(const std::string region, Region(http, session, stop));
    ASSIGN_OR_RETURN(const AwsKeys keys, Keys(http, session, stop));
    AwsRequest request{.method = "POST",
                       .url = absl::StrReplaceAll(source_.verification_url, {{"{region}", region}}),
                       .headers = {{"x-goog-cloud-target-resource", audience_}},
                       .payload_sha256 = Sha256Hex(""),
                       .region = region,
                       .service = "sts",
                       .encode_path = true};
    ASSIGN_OR_RETURN(const HttpHeaders headers, SignAwsRequest(request, keys, clock_.Now()));
    Json listed = Json::array();
    for (const auto& [name, value] : headers) listed.push_back({{"key", name}, {"value", value}});
    return UrlEncode(Json{{"url", request.url}, {"method", "POST"}, {"headers", listed}}.dump());
  }

 private:
  std::string Variable(std::string_view name) const { return environment_(name).value_or(""); }

  std::string RegionVariable() const {
    const std::string region = Variable("AWS_REGION");
    return region.empty() ? Variable("AWS_DEFAULT_REGION") : region;
  }

  bool HasKeyVariables() const {
    return !Variable("AWS_ACCESS_KEY_ID").empty() && !Variable("AWS_SECRET_ACCESS_KEY").empty();
  }

  bool NeedsMetadata() const { return RegionVariable().empty() || !HasKeyVariables(); }

  absl::StatusOr<HttpHeaders> StartSession(HttpClient& http, std::stop_token stop) const {
    if (source_.session_url.empty()) return HttpHeaders();
    ASSIGN_OR_RETURN(std::string token,
                     GetText(http,
                             {.method = "PUT",
                              .url = source_.session_url,
                              .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "300"}}},
                             std::move(stop)));
    return HttpHeaders{{"X-aws-ec2-metadata-token", std::move(token)}};
  }

  absl::StatusOr<std::string> Region(HttpClient& http, const HttpHeaders& session,
                                     std::stop_token stop) const {
    if (std::string region = RegionVariable(); !region.empty()) return region;
    if (source_.region_url.empty()) {
      return absl::UnauthenticatedError("the AWS region is not known: set AWS_REGION");
    }
    ASSIGN_OR_RETURN(
        std::string zone,
        GetText(http, {.url = source_.region_url, .headers = session}, std::move(stop)));
    if (zone.empty()) return absl::UnauthenticatedError("the AWS region is empty");
    zone.pop_back();  // "us-east-1b" is a zone of us-east-1
    return zone;
  }

  absl::StatusOr<AwsKeys> Keys(HttpClient& http, const HttpHeaders& session,
                               std::stop_token stop) const {
    if (HasKeyVariables()) {
      return AwsKeys{Variable("AWS_ACCESS_KEY_ID"), Variable("AWS_SECRET_ACCESS_KEY"),
                     Variable("AWS_SESSION_TOKEN")};
    }
    if (source_.security_url.empty()) {
      return absl::UnauthenticatedError(
          "there are no AWS keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    }
    ASSIGN_OR_RETURN(const std::string role,
                     GetText(http, {.url = source_.security_url, .headers = session}, stop));
    ASSIGN_OR_RETURN(
        const std::string text,
        GetText(http,
                {.url = StrCat(source_.security_url, "/", UrlEncode(role)), .headers = session},
                std::move(stop)));
    const Json reply = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!reply.is_object()) return absl::UnavailableError("the AWS metadata contains no keys");
    AwsKeys keys;
    ASSIGN_OR_RETURN(keys.access_key_id, TextMember(reply, "AccessKeyId"));
    ASSIGN_OR_RETURN(keys.secret_access_key, TextMember(reply, "SecretAccessKey"));
    ASSIGN_OR_RETURN(keys.session_token, TextMemberOr(reply, "Token", ""));
    return keys;
  }

  const AwsSource source_;
  const std::string audience_;
  const Environment environment_;
  Clock& clock_;
};

}  // namespace

SubjectOr NewAwsSubjectToken(const Json& source, const SubjectContext& context,
                             const GoogleAuthOptions& options) {
  ASSIGN_OR_RETURN(const std::string id, TextMember(source, "environment_id"));
  if (id != "aws1") {
    return absl::InvalidArgumentError("\"environment_id\" has an unknown version");
  }
  AwsSource aws;
  ASSIGN_OR_RETURN(aws.verification_url, TextMember(source, "regional_cred_verification_url"));
  ASSIGN_OR_RETURN(aws.region_url, TextMemberOr(source, "region_url", ""));
  ASSIGN_OR_RETURN(aws.security_url, TextMemberOr(source, "url", ""));
  ASSIGN_OR_RETURN(aws.session_url, TextMemberOr(source, "imdsv2_session_token_url", ""));
  return std::make_unique<AwsSubjectToken>(std::move(aws), context.audience, options);
}

}  // namespace millrace
