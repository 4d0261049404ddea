// Queries of profiles and cohorts.
#ifndef MILLRACE_SANDBOX_ENGAGE_HANDLER_H_
#define MILLRACE_SANDBOX_ENGAGE_HANDLER_H_

#include "net/http_server.h"
#include "sandbox/context.h"

namespace millrace::sandbox {

// /api/query/engage with where, distinct_id, distinct_ids, filter_by_cohort, include_all_users,
// output_properties, data_group_id (a group key or its DataGroupId()), page and session_id. The
// first page makes a session, whose pages show the profiles of that moment. `behaviors` and
// `as_of_timestamp` are rejected.
ServerResponse HandleEngageQuery(Context& context, const ServerRequest& request);

// /api/query/cohorts/list.
ServerResponse HandleCohortList(Context& context, const ServerRequest& request);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_ENGAGE_HANDLER_H_
