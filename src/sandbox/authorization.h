// Who may import and export.
#ifndef MILLRACE_SANDBOX_AUTHORIZATION_H_
#define MILLRACE_SANDBOX_AUTHORIZATION_H_

#include <string>
#include <string_view>

namespace millrace::sandbox {

struct Access {
  std::string token;            // empty: any credentials are accepted
  std::string service_account;  // "user:secret"; empty: none
  std::string oauth_token;      // empty: none
};

// Whether an Authorization header (Basic, base64 or, as Mixpanel tolerates, plain; or Bearer) is
// valid. With a token, a service account or an OAuth token set it must be "token:" or, together
// with a project_id, one of the other two; without, any header that is not empty is valid.
// `api_key`, the legacy parameter, means "api_key:".
bool IsAuthorized(const Access& access, std::string_view authorization, std::string_view project_id,
                  std::string_view api_key);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_AUTHORIZATION_H_
