// Mixpanel's app API (/api/app): who is signed in, with the time zone of the project, and
// annotations.
#ifndef MILLRACE_SANDBOX_APP_HANDLER_H_
#define MILLRACE_SANDBOX_APP_HANDLER_H_

#include <string_view>

#include "net/http_server.h"
#include "sandbox/context.h"

namespace millrace::sandbox {

// GET me; GET and POST projects/ID/annotations and projects/ID/annotations/tags; GET, PATCH and
// DELETE projects/ID/annotations/ANNOTATION. `path` begins with "/api/app/" and has no slash at its
// end. Needs a service account or an OAuth token.
ServerResponse HandleApp(Context& context, std::string_view path, const ServerRequest& request);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_APP_HANDLER_H_
