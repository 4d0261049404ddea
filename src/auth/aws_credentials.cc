#include "auth/aws_credentials.h"

#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "auth/aws_credential_providers.h"
#include "auth/aws_profile.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr int kMaxProfiles = 8;  // in a source_profile chain

using FetcherOr = absl::StatusOr<std::unique_ptr<TokenFetcher>>;

std::string Variable(const Environment& environment, std::string_view name) {
  return environment(name).value_or("");
}

std::string Setting(const AwsProfile& profile, const std::string& name) {
  const auto found = profile.find(name);
  return found == profile.end() ? "" : found->second;
}

std::optional<AwsKeys> EnvironmentKeys(const Environment& environment) {
  AwsKeys keys{Variable(environment, "AWS_ACCESS_KEY_ID"),
               Variable(environment, "AWS_SECRET_ACCESS_KEY"),
               Variable(environment, "AWS_SESSION_TOKEN")};
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) return std::nullopt;
  return keys;
}

// Turns profiles into fetchers.
class ProfileReader {
 public:
  ProfileReader(const AwsProfiles& profiles, const AwsAuthOptions& options, std::string region)
      : profiles_(profiles), options_(options), region_(std::move(region)) {}

  // NotFound if there is no such profile, or none of the settings that give keys is in it.
  FetcherOr Read(const std::string& name, int depth = 0) const {
    const auto found = profiles_.find(name);
    if (found == profiles_.end()) {
      return absl::NotFoundError(StrCat("there is no AWS profile ", name));
    }
    FetcherOr fetcher = ReadSettings(found->second, name, depth);
    return fetcher.ok() || absl::IsNotFound(fetcher.status())
               ? std::move(fetcher)
               : FetcherOr(Annotate(fetcher.status(), StrCat("AWS profile ", name)));
  }

 private:
  FetcherOr ReadSettings(const AwsProfile& profile, const std::string& name, int depth) const {
    if (const std::string arn = Setting(profile, "role_arn"); !arn.empty()) {
      AwsRole role{.arn = arn,
                   .session_name = Setting(profile, "role_session_name"),
                   .external_id = Setting(profile, "external_id"),
                   .duration_seconds = Setting(profile, "duration_seconds"),
                   .region = region_};
      if (const std::string file = Setting(profile, "web_identity_token_file"); !file.empty()) {
        return NewWebIdentityKeys(std::move(role), file, options_);
      }
      ASSIGN_OR_RETURN(std::unique_ptr<TokenFetcher> source, SourceOf(profile, name, depth));
      return NewAssumedRoleKeys(std::move(role), std::move(source), options_);
    }
    return OwnKeys(profile);
  }

  FetcherOr OwnKeys(const AwsProfile& profile) const {
    const AwsKeys keys{Setting(profile, "aws_access_key_id"),
                       Setting(profile, "aws_secret_access_key"),
                       Setting(profile, "aws_session_token")};
    if (!keys.access_key_id.empty() && !keys.secret_access_key.empty()) {
      return NewFixedAwsKeys(keys);
    }
    if (const std::string command = Setting(profile, "credential_process"); !command.empty()) {
      return NewProcessKeys(command);
    }
    if (!Setting(profile, "sso_session").empty() || !Setting(profile, "sso_start_url").empty()) {
      return absl::UnimplementedError(
          "it uses single sign-on, which is not supported; run "
          "`aws configure export-credentials --profile NAME --format env` and set the variables "
          "that it prints");
    }
    return absl::NotFoundError("it contains no keys");
  }

  FetcherOr SourceOf(const AwsProfile& profile, const std::string& name, int depth) const {
    const std::string source = Setting(profile, "source_profile");
    if (source == name) return OwnKeys(profile);
    if (!source.empty()) {
      if (depth == kMaxProfiles) {
        return absl::InvalidArgumentError("its source_profile refers back to itself");
      }
      FetcherOr fetcher = Read(source, depth + 1);
      if (!absl::IsNotFound(fetcher.status())) return fetcher;
      return absl::InvalidArgumentError(StrCat("its source_profile ", source, " has no keys"));
    }
    const std::string kind = Setting(profile, "credential_source");
    if (kind == "Environment") {
      if (const auto keys = EnvironmentKeys(options_.environment)) return NewFixedAwsKeys(*keys);
      return absl::InvalidArgumentError(
          "its credential_source is the environment, which has no keys");
    }
    if (kind == "Ec2InstanceMetadata") return NewInstanceKeys(options_);
    if (kind == "EcsContainer") return NewContainerKeys(options_);
    return absl::InvalidArgumentError(
        "its role_arn needs source_profile, web_identity_token_file, or credential_source "
        "(Environment, Ec2InstanceMetadata, EcsContainer)");
  }

  const AwsProfiles& profiles_;
  const AwsAuthOptions& options_;
  const std::string region_;
};

struct Found {
  std::unique_ptr<TokenFetcher> fetcher;
  std::string description;
};

absl::StatusOr<Found> FindKeys(const AwsAuthOptions& options, const AwsProfiles& profiles,
                               const std::string& profile_name, const std::string& region) {
  const Environment& environment = options.environment;
  const bool profile_named = !Variable(environment, "AWS_PROFILE").empty();
  if (const auto keys = EnvironmentKeys(environment); keys && !profile_named) {
    return Found{NewFixedAwsKeys(*keys), "AWS_ACCESS_KEY_ID of the environment"};
  }
  const std::string role = Variable(environment, "AWS_ROLE_ARN");
  if (const std::string file = Variable(environment, "AWS_WEB_IDENTITY_TOKEN_FILE");
      !file.empty() && !role.empty() && !profile_named) {
    return Found{NewWebIdentityKeys({.arn = role,
                                     .session_name = Variable(environment, "AWS_ROLE_SESSION_NAME"),
                                     .region = region},
                                    file, options),
                 StrCat("the role ", role, " by AWS_WEB_IDENTITY_TOKEN_FILE")};
  }
  const std::string description = StrCat("AWS profile ", profile_name);
  FetcherOr fetcher = ProfileReader(profiles, options, region).Read(profile_name);
  if (fetcher.ok()) return Found{*std::move(fetcher), description};
  if (profile_named && absl::IsNotFound(fetcher.status())) {
    return absl::InvalidArgumentError(StrCat(
        "AWS_PROFILE: ", ToStd(fetcher.status().message()),
        "; `aws configure list-profiles` shows those of ~/.aws/config and ~/.aws/credentials"));
  }
  if (!absl::IsNotFound(fetcher.status())) return fetcher.status();
  fetcher = NewContainerKeys(options);
  if (fetcher.ok()) return Found{*std::move(fetcher), "the role of this container"};
  if (!absl::IsNotFound(fetcher.status())) return fetcher.status();
  if (absl::EqualsIgnoreCase(Variable(environment, "AWS_EC2_METADATA_DISABLED"), "true")) {
    return absl::UnauthenticatedError(
        "no AWS keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE");
  }
  return Found{NewInstanceKeys(options), "the role of this machine"};
}

}  // namespace

absl::StatusOr<AwsKeys> AwsKeySource::Keys(std::stop_token stop) {
  ASSIGN_OR_RETURN(const AccessToken token, tokens_->Token(std::move(stop)));
  ASSIGN_OR_RETURN(AwsKeys keys, SplitAwsKeys(token.value));
  absl::MutexLock lock(&mutex_);
  last_ = keys;
  return keys;
}

void AwsKeySource::Forget(std::string_view session_token) {
  absl::MutexLock lock(&mutex_);
  if (last_.session_token == session_token) tokens_->Forget({.value = JoinAwsKeys(last_)});
}

absl::StatusOr<AwsCredentials> FindAwsCredentials(const AwsAuthOptions& options) {
  const Environment& environment = options.environment;
  ASSIGN_OR_RETURN(const AwsProfiles profiles, LoadAwsProfiles(environment));
  std::string name = Variable(environment, "AWS_PROFILE");
  if (name.empty()) name = "default";
  const auto found = profiles.find(name);
  const AwsProfile profile = found == profiles.end() ? AwsProfile() : found->second;

  AwsCredentials credentials;
  const auto first_of = [](std::vector<std::string> values) {
    for (std::string& value : values) {
      if (!value.empty()) return std::move(value);
    }
    return std::string();
  };
  credentials.region =
      first_of({Variable(environment, "AWS_REGION"), Variable(environment, "AWS_DEFAULT_REGION"),
                Setting(profile, "region")});
  credentials.s3_endpoint =
      first_of({Variable(environment, "AWS_ENDPOINT_URL_S3"),
                Variable(environment, "AWS_ENDPOINT_URL"), Setting(profile, "endpoint_url")});
  ASSIGN_OR_RETURN(Found keys, FindKeys(options, profiles, name, credentials.region));
  credentials.keys = std::make_shared<AwsKeySource>(
      NewCachedTokenSource(std::move(keys.fetcher), options.new_http(), options.clock),
      std::move(keys.description));
  return credentials;
}

std::string JoinAwsKeys(const AwsKeys& keys) {
  return StrCat(keys.access_key_id, "\n", keys.secret_access_key, "\n", keys.session_token);
}

absl::StatusOr<AwsKeys> SplitAwsKeys(std::string_view joined) {
  const std::vector<std::string> lines = absl::StrSplit(ToAbsl(joined), '\n');
  if (lines.size() != 3) return absl::InvalidArgumentError("AWS keys must not contain line breaks");
  return AwsKeys{lines[0], lines[1], lines[2]};
}

}  // namespace millrace
