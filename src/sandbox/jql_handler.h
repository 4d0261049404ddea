// Queries in JavaScript.
#ifndef MILLRACE_SANDBOX_JQL_HANDLER_H_
#define MILLRACE_SANDBOX_JQL_HANDLER_H_

#include "net/http_server.h"
#include "sandbox/context.h"

namespace millrace::sandbox {

// /api/query/jql with script, params (a JSON object) and format (json). Responds later, from a
// thread of context.tasks: a JSON array, or 412 if the script fails.
ServerResponse HandleJql(Context& context, const ServerRequest& request);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_JQL_HANDLER_H_
