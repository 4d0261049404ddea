// Identities on disk, so that a run reads only days that earlier ones have not.
#ifndef MILLRACE_EXPORT_IDENTITY_STORE_H_
#define MILLRACE_EXPORT_IDENTITY_STORE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "export/identity_graph.h"

namespace millrace {

// The graph has what all events of the days [since, read_until) say, and perhaps more.
struct IdentityDays {
  absl::CivilDay since, read_until;
};

// Writes the file, durably: all or nothing.
absl::Status SaveIdentities(const std::string& path, const IdentityDays& days,
                            const IdentityGraph& graph);

// Adds what the file has to the empty `graph`. NotFound: there is no file. DataLoss: it is damaged;
// the message says what to do.
absl::StatusOr<IdentityDays> LoadIdentities(const std::string& path, IdentityGraph& graph);

}  // namespace millrace

#endif  // MILLRACE_EXPORT_IDENTITY_STORE_H_
