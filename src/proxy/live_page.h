// The pages of the admin listener: records as they arrive, destinations, dead letters; the demo.
#ifndef MILLRACE_PROXY_LIVE_PAGE_H_
#define MILLRACE_PROXY_LIVE_PAGE_H_

#include <string>
#include <string_view>

namespace millrace::proxy {

// What `millrace proxy --demo` has started.
struct ProxyDemo {
  std::string sandbox_url;
  std::string lake;  // the folder, with a slash at its end
};

// live_page.html, which the build embeds, for HtmlPage().
std::string_view LivePageHtml();
// demo_page.html: buttons that send records with Mixpanel's JavaScript SDK, and where they arrived.
std::string_view DemoPageHtml();

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_LIVE_PAGE_H_
