#include "net/html_page.h"

#include <cstdint>
#include <random>
#include <string>

#include "absl/strings/str_replace.h"
#include "base/hash.h"
#include "base/strings.h"

namespace millrace {
namespace {

std::string FreshNonce() {
  std::random_device random;
  Hash128 bits;
  bits.high = uint64_t{random()} << 32 | random();
  bits.low = uint64_t{random()} << 32 | random();
  return ToHex(bits);
}

}  // namespace

ServerResponse HtmlPage(std::string_view html, std::string_view origin) {
  const std::string nonce = FreshNonce();
  const std::string other = origin.empty() ? "" : StrCat(" ", origin);
  ServerResponse reply;
  reply.content_type = "text/html; charset=utf-8";
  reply.body = absl::StrReplaceAll(ToAbsl(html), {{"{{nonce}}", nonce},
                                                  {"{{style}}", ToAbsl(SharedPageStyle())},
                                                  {"{{script}}", ToAbsl(SharedPageScript())}});
  reply.headers = {
      {"Content-Security-Policy",
       StrCat("default-src 'none'; script-src 'nonce-", nonce, "'", other, "; style-src 'nonce-",
              nonce, "'; connect-src 'self'", other,
              "; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Cache-Control", "no-store"},
      {"Vary", "Accept"}};
  return reply;
}

}  // namespace millrace
