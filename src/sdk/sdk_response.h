// The short responses that SDKs expect: "1" or "0", or the same with a reason.
#ifndef MILLRACE_SDK_SDK_RESPONSE_H_
#define MILLRACE_SDK_SDK_RESPONSE_H_

#include <string_view>

#include "net/http_server.h"
#include "sdk/body_decoder.h"

namespace millrace::sdk {

// The format depends on the parameters: img=1 a transparent pixel, verbose JSON
// ({"error":null,"status":1}), else "1" or "0", without a line end; callback=fn wraps either in a
// call. Always HTTP 200, except 400 for a callback that is not a JavaScript name.
ServerResponse SdkResponse(const Params& params, bool success, std::string_view error);

}  // namespace millrace::sdk

#endif  // MILLRACE_SDK_SDK_RESPONSE_H_
