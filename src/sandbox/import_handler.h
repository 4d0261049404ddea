// POST /import: strict validation record by record, partial success, as Mixpanel documents it.
#ifndef MILLRACE_SANDBOX_IMPORT_HANDLER_H_
#define MILLRACE_SANDBOX_IMPORT_HANDLER_H_

#include "net/http_server.h"
#include "sandbox/context.h"

namespace millrace::sandbox {

// With strict=1 the response is JSON with code, num_records_imported and failed_records; without,
// "1" or "0" (verbose=1: {"error":...,"status":...}), and bad records are dropped silently.
ServerResponse HandleImport(Context& context, const ServerRequest& request);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_IMPORT_HANDLER_H_
