// The same work for many items, in several threads.
#ifndef MILLRACE_BASE_PARALLEL_H_
#define MILLRACE_BASE_PARALLEL_H_

#include <cstddef>
#include <functional>

#include "absl/status/status.h"

namespace millrace {

// Calls `work` with 0 to count - 1, in several threads, until one fails. The first failure.
absl::Status ForEachInParallel(size_t count, size_t threads,
                               const std::function<absl::Status(size_t)>& work);

}  // namespace millrace

#endif  // MILLRACE_BASE_PARALLEL_H_
