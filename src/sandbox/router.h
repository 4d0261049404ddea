// Which handler of the sandbox answers which request.
#ifndef MILLRACE_SANDBOX_ROUTER_H_
#define MILLRACE_SANDBOX_ROUTER_H_

#include "net/http_server.h"
#include "sandbox/context.h"

namespace millrace::sandbox {

// Thread-safe. An HttpHandler once it has its context.
ServerResponse Route(Context& context, const ServerRequest& request);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_ROUTER_H_
