// The ways to get AWS keys, each a TokenFetcher whose tokens are keys as JoinAwsKeys() writes them.
#ifndef MILLRACE_AUTH_AWS_CREDENTIAL_PROVIDERS_H_
#define MILLRACE_AUTH_AWS_CREDENTIAL_PROVIDERS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "auth/aws_credentials.h"
#include "auth/token_source.h"

namespace millrace {

// A role to assume: by sts:AssumeRole, or with a token from another identity provider (web
// identity).
struct AwsRole {
  std::string arn;
  std::string session_name;  // empty: "millrace"
  std::string external_id;
  std::string duration_seconds;
  std::string region;  // of the STS endpoint; empty: the global one
};

std::unique_ptr<TokenFetcher> NewFixedAwsKeys(const AwsKeys& keys);

std::unique_ptr<TokenFetcher> NewAssumedRoleKeys(AwsRole role, std::unique_ptr<TokenFetcher> source,
                                                 const AwsAuthOptions& options);
std::unique_ptr<TokenFetcher> NewWebIdentityKeys(AwsRole role, std::string token_file,
                                                 const AwsAuthOptions& options);

// The credentials endpoint of a container. InvalidArgument if the authorization would be sent
// unencrypted to the address in the environment. NotFound if the environment has no address.
absl::StatusOr<std::unique_ptr<TokenFetcher>> NewContainerKeys(const AwsAuthOptions& options);

// The role of the machine.
std::unique_ptr<TokenFetcher> NewInstanceKeys(const AwsAuthOptions& options);

// The output of a program (credential_process). `command` is split at blanks, with quotes; a
// program without a path is searched on PATH.
std::unique_ptr<TokenFetcher> NewProcessKeys(const std::string& command);

}  // namespace millrace

#endif  // MILLRACE_AUTH_AWS_CREDENTIAL_PROVIDERS_H_
