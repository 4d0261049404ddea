// The sandbox's own endpoints, for tests and for its page:
//   GET    /sandbox/stats                    counters (JSON keys: design of the command line)
//   GET    /sandbox/events?after=N&limit=M   stored events after a cursor, the latest M of them
//   GET    /sandbox/rejected?after=N         rejected records after a cursor
//   GET    /sandbox/faults                   {"active": [specs], "hits": {...}, "known": [...]}
//   PUT    /sandbox/faults                   a JSON list of specs replaces the active ones
//   DELETE /sandbox/faults                   no faults
//   GET    /sandbox/clock                    {"now": RFC 3339, "now_ms": ..., "stopped": bool}
//   PUT    /sandbox/clock                    {"now": RFC 3339 or ms, "advance_ms": ...,
//                                            "stopped": bool}, each optional
//   DELETE /sandbox/clock                    the real time
//   GET    /sandbox/cohorts                  as they were set
//   PUT    /sandbox/cohorts                  a JSON list replaces them (cohorts.h)
//   POST   /sandbox/reset                    empties stores, counters, cohorts, annotations and
//                                            sessions, forgets earlier queries; faults and the
//                                            clock stay
// All reject requests that a page of another site could have caused (net/browser_guard.h).
#ifndef MILLRACE_SANDBOX_CONTROL_HANDLERS_H_
#define MILLRACE_SANDBOX_CONTROL_HANDLERS_H_

#include <string_view>

#include "net/http_server.h"
#include "sandbox/context.h"

namespace millrace::sandbox {

// `path` begins with "/sandbox" and has no slash at its end.
ServerResponse HandleControl(Context& context, std::string_view path, const ServerRequest& request);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_CONTROL_HANDLERS_H_
