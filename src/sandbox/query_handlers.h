// Query endpoints: the raw export of events and the engage query of profiles.
#ifndef MILLRACE_SANDBOX_QUERY_HANDLERS_H_
#define MILLRACE_SANDBOX_QUERY_HANDLERS_H_

#include "net/http_server.h"
#include "sandbox/context.h"

namespace millrace::sandbox {

// GET /api/2.0/export. Days are UTC days, as for projects created since 2023. Duplicates are not
// removed. `where` is rejected, because the sandbox does not evaluate it. The response refers to
// context.events.
ServerResponse HandleExport(Context& context, const ServerRequest& request);

// /api/query/engage. Parameters come from query and body alike; data_group_id is a group key or its
// DataGroupId(). `where` and other filters by expression are rejected.
ServerResponse HandleEngageQuery(Context& context, const ServerRequest& request);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_QUERY_HANDLERS_H_
