// The target of benchmarks: counts records as cheaply as possible, and checks nothing.
#ifndef MILLRACE_SANDBOX_DISCARD_H_
#define MILLRACE_SANDBOX_DISCARD_H_

#include "net/http_server.h"
#include "sandbox/context.h"

namespace millrace::sandbox {

// Responds like /import does to good records. Lines are counted if the body begins with '{',
// records otherwise. A gzip body of lines is decompressed through a small window that stays in the
// cache.
ServerResponse HandleDiscard(Context& context, const ServerRequest& request);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_DISCARD_H_
