// The page at "/", which shows events as they arrive.
#ifndef MILLRACE_SANDBOX_LIVE_PAGE_H_
#define MILLRACE_SANDBOX_LIVE_PAGE_H_

#include <string_view>

namespace millrace::sandbox {

// live_page.html, which the build embeds, for HtmlPage().
std::string_view LivePageHtml();

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_LIVE_PAGE_H_
