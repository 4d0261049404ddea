// What events say about identities.
#ifndef MILLRACE_EXPORT_IDENTITY_EVENTS_H_
#define MILLRACE_EXPORT_IDENTITY_EVENTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "export/identity_graph.h"

namespace millrace {

// How a project joins ids: https://docs.mixpanel.com/docs/tracking-methods/id-management
enum class IdMerge {
  kOriginal,    // by $identify, $create_alias and $merge
  kSimplified,  // by events that have both $device_id and $user_id
};

// The events that say something: names, or an expression of Mixpanel.
std::vector<std::string> IdentityEventNames(IdMerge merge);
std::string IdentityEventsWhere(IdMerge merge);

// Adds what `line`, an event of the raw export, says. One that Mixpanel has marked as refused, or
// that lacks ids, says nothing, nor does a line that is no event. Errors are those of the graph.
absl::Status AddIdentityEvent(std::string_view line, IdMerge merge, IdentityGraph& graph);

}  // namespace millrace

#endif  // MILLRACE_EXPORT_IDENTITY_EVENTS_H_
