// Who holds a ledger row or a temporary folder: a process, named so that others on its machine can
// tell that it is gone.
#ifndef MILLRACE_IO_WORKER_ID_H_
#define MILLRACE_IO_WORKER_ID_H_

#include <string>
#include <string_view>

namespace millrace {

// "<host>/<boot>/<pid namespace>/<pid>/<start time>" of this process.
std::string CurrentWorkerId();

// True only if it is proved that `owner`, a process of this machine, boot and pid namespace, has
// ended: there is no such pid, it is a zombie, or it is another process. Owners elsewhere, and
// those of which nothing can be read in `proc`, are never known to be gone; their leases run out.
bool IsWorkerDead(std::string_view owner, const std::string& proc = "/proc");

// The same in one short word, which may be part of a file's name:
// "<hash of the first three>.<pid>.<start time>".
std::string CurrentWorkerTag();
bool IsWorkerTagDead(std::string_view word, const std::string& proc = "/proc");  // false for others

}  // namespace millrace

#endif  // MILLRACE_IO_WORKER_ID_H_
