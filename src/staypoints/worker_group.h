// Threads for a common task: the first failure stops the others.
#ifndef MILLRACE_STAYPOINTS_WORKER_GROUP_H_
#define MILLRACE_STAYPOINTS_WORKER_GROUP_H_

#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"

namespace millrace {

// Runs work(worker, stop) on `workers` threads called "<name>-<worker>" and waits for all. Their
// `stop` is requested when that of the caller is or when one of them fails; `on_failure`, if any,
// is then called once. Returns the first failure that was not caused by the stop, else Cancelled if
// the caller's stop was requested.
absl::Status RunWorkers(const std::string& name, size_t workers, std::stop_token stop,
                        const std::function<absl::Status(size_t worker, std::stop_token)>& work,
                        const std::function<void()>& on_failure = nullptr);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_WORKER_GROUP_H_
