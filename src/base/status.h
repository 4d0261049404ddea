// absl::Status with context. A canonical code says what the caller should do next:
//   InvalidArgument  the user's input is wrong (flag, config, file); do not retry
//   DataLoss         bytes are damaged (truncated file, bad checksum)
//   NotFound, PermissionDenied, Unauthenticated   as the name says; do not retry
//   Unavailable, ResourceExhausted, DeadlineExceeded   try again later
//   Aborted          someone else changed it first; read again
//   Cancelled        a stop was requested
#ifndef MILLRACE_BASE_STATUS_H_
#define MILLRACE_BASE_STATUS_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace {

// Returns `status` with "context: " before its message; once per layer, gerund first
// ("reading gs://b/k"). An ok status stays ok; payloads are kept.
absl::Status Annotate(const absl::Status& status, std::string_view context);

// Cancelled, with the message that all callers use.
absl::Status StopRequested();

// A status for errno `error` ("opening x: No such file or directory") with the fitting code.
absl::Status ErrnoStatus(int error, std::string_view context);

}  // namespace millrace

#define MR_CONCAT_INNER(a, b) a##b
#define MR_CONCAT(a, b) MR_CONCAT_INNER(a, b)

// Returns from the enclosing function if `expression` is not ok.
#define RETURN_IF_ERROR(expression)                                        \
  if (absl::Status mr_status = (expression); !mr_status.ok()) [[unlikely]] \
  return mr_status

// Declares or assigns `lhs` from a StatusOr, or returns its status.
#define ASSIGN_OR_RETURN(lhs, expression) \
  ASSIGN_OR_RETURN_IMPL(MR_CONCAT(mr_statusor_, __LINE__), lhs, expression)
#define ASSIGN_OR_RETURN_IMPL(statusor, lhs, expression) \
  auto statusor = (expression);                          \
  if (!statusor.ok()) [[unlikely]]                       \
    return std::move(statusor).status();                 \
  lhs = *std::move(statusor)

#endif  // MILLRACE_BASE_STATUS_H_
