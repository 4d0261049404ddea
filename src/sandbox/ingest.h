// Shared by all ingestion endpoints: counting, faults, and reading the body.
#ifndef MILLRACE_SANDBOX_INGEST_H_
#define MILLRACE_SANDBOX_INGEST_H_

#include <algorithm>
#include <functional>
#include <string_view>
#include <variant>

#include "net/http_server.h"
#include "sandbox/context.h"
#include "sdk/body_decoder.h"

namespace millrace::sandbox {

// Counts the request, draws its faults, and calls `process` unless a fault prevents it. The
// response is delayed, cut or lost as drawn.
using Process = std::function<ServerResponse(const RequestFaults&)>;
ServerResponse WithFaults(Context& context, const ServerRequest& request, const Process& process);

// The decoded body with its records in scratch.records, or the error: ResourceExhausted (whose
// message is Mixpanel's) above a limit of bytes or records, else InvalidArgument. Counts bytes.
absl::StatusOr<sdk::DecodedBody> ReadRecords(Context& context, const ServerRequest& request,
                                             const RequestFaults& faults, Scratch* scratch);

// The good records and the problems of the others.
struct CheckedEvents {
  std::vector<NewEvent> good;
  std::vector<size_t> good_indexes;  // in the request
  struct Failure {
    size_t index;
    Problem problem;
  };
  std::vector<Failure> failures;

  // Events that are dropped silently: the sender is told that they were accepted.
  size_t silent() const {
    return static_cast<size_t>(
        std::count_if(failures.begin(), failures.end(),
                      [](const Failure& failure) { return failure.problem.silent; }));
  }
};
CheckedEvents CheckEvents(Context& context, Endpoint endpoint, bool strict, Scratch* scratch);

// Stores the good ones, adds the failures to the rejected records, counts both.
absl::Status TakeEvents(Context& context, std::string_view path, const CheckedEvents& checked,
                        const Scratch& scratch);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_INGEST_H_
