// What exports, queries and the app API have in common: parameters, credentials, faults, limits and
// errors.
#ifndef MILLRACE_SANDBOX_QUERY_REQUEST_H_
#define MILLRACE_SANDBOX_QUERY_REQUEST_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "net/http_server.h"
#include "sandbox/context.h"
#include "sandbox/faults.h"
#include "sdk/body_decoder.h"

namespace millrace::sandbox {

// Parameters come from the query and the body, a form or a JSON object, alike.
using QueryProcess =
    std::function<ServerResponse(const sdk::Params& params, const ReadFaults& faults)>;

// Responds 401 without valid credentials, with the status of a fault, or 429 above a limit; else
// calls `process`. The request is running until its response is sent. A query with a session_id
// does not count as a new one.
ServerResponse ServeQuery(Context& context, const ServerRequest& request, ReadApi api,
                          const QueryProcess& process);

// The error of a query: 400 for InvalidArgument, 412 for FailedPrecondition, else 500.
ServerResponse QueryError(const absl::Status& status);
// The error of an export.
ServerResponse PlainError(int status, std::string_view text);

// The same as a 401 of any of these APIs.
ServerResponse Unauthorized();

// A JSON array of strings.
absl::StatusOr<std::vector<std::string>> ParseNames(std::string_view json, std::string_view name);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_QUERY_REQUEST_H_
