#include "net/html_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string PolicyOf(const ServerResponse& page) {
  for (const auto& [name, value] : page.headers) {
    if (name == "Content-Security-Policy") return value;
  }
  return "";
}

TEST(HtmlPage, AllowsOnlyItsOwnScriptAndStyle) {
  constexpr char kHtml[] =
      "<style nonce=\"{{nonce}}\">{{style}}</style><script nonce=\"{{nonce}}\">{{script}}</script>";
  const ServerResponse page = HtmlPage(kHtml), again = HtmlPage(kHtml);
  EXPECT_NE(page.body, again.body);  // another nonce
  EXPECT_THAT(page.body, Not(HasSubstr("{{")));
  EXPECT_THAT(page.body, HasSubstr(SharedPageStyle()));
  EXPECT_THAT(page.body, HasSubstr(SharedPageScript()));
  const size_t at = page.body.find("nonce=\"") + 7;
  const std::string nonce = page.body.substr(at, page.body.find('"', at) - at);
  EXPECT_EQ(nonce.size(), 32);
  EXPECT_EQ(PolicyOf(page),
            "default-src 'none'; script-src 'nonce-" + nonce + "'; style-src 'nonce-" + nonce +
                "'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                "frame-ancestors 'none'");
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
}

TEST(HtmlPage, MayUseOneOtherOrigin) {
  const std::string policy = PolicyOf(HtmlPage("", "http://127.0.0.1:8080"));
  EXPECT_THAT(policy, HasSubstr("' http://127.0.0.1:8080; style-src"));
  EXPECT_THAT(policy, HasSubstr("connect-src 'self' http://127.0.0.1:8080;"));
}

}  // namespace
}  // namespace millrace
