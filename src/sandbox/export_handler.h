// The raw export of events.
#ifndef MILLRACE_SANDBOX_EXPORT_HANDLER_H_
#define MILLRACE_SANDBOX_EXPORT_HANDLER_H_

#include "net/http_server.h"
#include "sandbox/context.h"

namespace millrace::sandbox {

// GET /api/2.0/export with from_date, to_date, event, where, limit and time_in_ms. Days and times
// are those of context.project. Duplicates are not removed. The response refers to the context.
ServerResponse HandleExport(Context& context, const ServerRequest& request);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_EXPORT_HANDLER_H_
