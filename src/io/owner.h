// Who holds a ledger row or a temporary folder: a process, named so that others on its machine can
// tell that it is gone.
#ifndef MILLRACE_IO_OWNER_H_
#define MILLRACE_IO_OWNER_H_

#include <string>
#include <string_view>

namespace millrace {

// "<host>/<boot>/<pid namespace>/<pid>/<start time>" of this process.
std::string ThisOwner();

// True only if `owner` named a process of this machine, boot and pid namespace that no longer runs.
// Owners elsewhere are never known to be gone; their leases run out.
bool OwnerIsGone(std::string_view owner);

// The same in one short word, which may be part of a file's name:
// "<hash of the first three>.<pid>.<start time>".
std::string ThisOwnerWord();
bool OwnerWordIsGone(std::string_view word);  // false for what is no such word

}  // namespace millrace

#endif  // MILLRACE_IO_OWNER_H_
