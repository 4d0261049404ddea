// Replaces the content of a folder that cannot be renamed itself.
#ifndef MILLRACE_STAYPOINTS_IN_PLACE_EXCHANGE_H_
#define MILLRACE_STAYPOINTS_IN_PLACE_EXCHANGE_H_

#include <string>

#include "absl/status/status.h"

namespace millrace {

// Moves the output of an earlier run from the folder `output` to the empty folder `old`, and all of
// `tree`, a complete output, into `output`. All three are on one file system. Readers can trust the
// marker: it is moved away first and put in place last, and "_UNFINISHED" is there in between. Runs
// that do this to the same folder wait for each other.
//
// FailedPrecondition, and nothing was moved, if `output` meanwhile contains anything else. After
// other errors the moved files are moved back, or the folder is left without a marker.
absl::Status ExchangeInPlace(const std::string& output, const std::string& tree,
                             const std::string& old);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_IN_PLACE_EXCHANGE_H_
