// The subject token, from another identity provider, that workload identity federation exchanges
// for one of Google's.
#ifndef MILLRACE_AUTH_GOOGLE_SUBJECT_TOKEN_H_
#define MILLRACE_AUTH_GOOGLE_SUBJECT_TOKEN_H_

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "auth/google_credentials.h"
#include "net/http_client.h"

namespace millrace {

// One thread at a time.
class SubjectToken {
 public:
  virtual ~SubjectToken() = default;
  // A secret. Errors contain no secrets and quote neither files nor responses.
  virtual absl::StatusOr<std::string> Get(HttpClient& http, std::stop_token stop) = 0;
};

using SubjectOr = absl::StatusOr<std::unique_ptr<SubjectToken>>;

// The parts of an external_account file that the sources below need.
struct SubjectContext {
  std::string audience;
  std::string token_type;          // "subject_token_type"
  std::string impersonated_email;  // empty: nobody is impersonated
};

// Chosen by the member of "credential_source" that is present: file, url, environment_id aws1,
// executable.
SubjectOr NewSubjectToken(const nlohmann::json& source, const SubjectContext& context,
                          const GoogleAuthOptions& options);

// A GetCallerIdentity request to AWS, signed but not sent, as URL-encoded JSON.
SubjectOr NewAwsSubjectToken(const nlohmann::json& source, const SubjectContext& context,
                             const GoogleAuthOptions& options);

// The output of a program. PermissionDenied unless the environment allows it.
SubjectOr NewExecutableSubjectToken(const nlohmann::json& executable, const SubjectContext& context,
                                    const GoogleAuthOptions& options);

// The body of a 200 response to a plain request.
absl::StatusOr<std::string> GetText(HttpClient& http, const HttpRequest& request,
                                    std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_AUTH_GOOGLE_SUBJECT_TOKEN_H_
