// The page at "/", which shows events as they arrive.
#ifndef MILLRACE_SANDBOX_LIVE_PAGE_H_
#define MILLRACE_SANDBOX_LIVE_PAGE_H_

#include <string_view>

#include "net/http_server.h"

namespace millrace::sandbox {

// live_page.html, which the build embeds. "{{nonce}}" is replaced by the nonce of its script and
// style.
std::string_view LivePageHtml();

// With a Content-Security-Policy that allows only that script, that style and requests to the
// sandbox itself.
ServerResponse LivePage();

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_LIVE_PAGE_H_
