// Identifies the process that holds a ledger row or a temporary folder, so that others on its
// machine can detect that it has ended.
#ifndef MILLRACE_IO_WORKER_ID_H_
#define MILLRACE_IO_WORKER_ID_H_

#include <string>
#include <string_view>

namespace millrace {

// "<host>/<boot>/<pid namespace>/<pid>/<start time>" of this process.
std::string CurrentWorkerId();

// True only if it is certain that `owner`, a process of this machine, boot and pid namespace, has
// ended: there is no such pid, it is a zombie, or the pid belongs to another process. Workers
// elsewhere, and those that cannot be read in `proc`, never count as dead; their leases expire.
bool IsWorkerDead(std::string_view owner, const std::string& proc = "/proc");

// The same as one short word, which may be part of a file name: "<hash of the first
// three>.<pid>.<start time>".
std::string CurrentWorkerTag();
bool IsWorkerTagDead(std::string_view word, const std::string& proc = "/proc");  // false for others

}  // namespace millrace

#endif  // MILLRACE_IO_WORKER_ID_H_
