// /track, /engage and /groups, as SDKs use them.
#ifndef MILLRACE_SANDBOX_SDK_HANDLERS_H_
#define MILLRACE_SANDBOX_SDK_HANDLERS_H_

#include "net/http_server.h"
#include "sandbox/context.h"

namespace millrace::sandbox {

// Success if at least one event was good.
ServerResponse HandleTrack(Context& context, const ServerRequest& request);

// /engage (kUser) and /groups (kGroup): the good updates are applied; success if all were good.
// With strict=1 and verbose=1 the response lists the others and counts num_good_events.
ServerResponse HandleProfiles(Context& context, const ServerRequest& request, ProfileKind kind);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_SDK_HANDLERS_H_
