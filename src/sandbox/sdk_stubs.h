// Endpoints that SDKs call besides tracking, with responses that make the SDKs continue as if the
// feature were not used: feature flags, session replay, remote settings.
#ifndef MILLRACE_SANDBOX_SDK_STUBS_H_
#define MILLRACE_SANDBOX_SDK_STUBS_H_

#include <string_view>

#include "net/http_server.h"

namespace millrace::sandbox {

// `path` without a slash at its end.
bool IsStubPath(std::string_view path);

// The response of a project without flags, with session replay and without settings of its own.
// Data sent to /record is not kept.
ServerResponse HandleStub(std::string_view path);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_SDK_STUBS_H_
