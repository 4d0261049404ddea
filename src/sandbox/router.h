// Routes the sandbox's requests to their handlers.
#ifndef MILLRACE_SANDBOX_ROUTER_H_
#define MILLRACE_SANDBOX_ROUTER_H_

#include "net/http_server.h"
#include "sandbox/context.h"

namespace millrace::sandbox {

// Thread-safe. Bind the context to get an HttpHandler.
ServerResponse Route(Context& context, const ServerRequest& request);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_ROUTER_H_
