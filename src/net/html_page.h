// Pages for browsers: one file of HTML, with the style and the script that all pages of the program
// share, and a policy that allows nothing else.
#ifndef MILLRACE_NET_HTML_PAGE_H_
#define MILLRACE_NET_HTML_PAGE_H_

#include <string_view>

#include "net/http_server.h"

namespace millrace {

// page_style.css and page_script.js, which the build embeds.
std::string_view SharedPageStyle();
std::string_view SharedPageScript();

// `html` with the shared style for "{{style}}", the shared script for "{{script}}" and a fresh
// nonce for "{{nonce}}". The Content-Security-Policy allows scripts and styles with that nonce,
// requests to the server itself, and both from and to `origin` ("http://127.0.0.1:8080"), unless it
// is empty.
ServerResponse HtmlPage(std::string_view html, std::string_view origin = "");

}  // namespace millrace

#endif  // MILLRACE_NET_HTML_PAGE_H_
