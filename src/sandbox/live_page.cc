#include "sandbox/live_page.h"

#include <random>
#include <string>

#include "absl/strings/str_replace.h"
#include "base/hash.h"
#include "base/strings.h"

namespace millrace::sandbox {
namespace {

std::string FreshNonce() {
  std::random_device random;
  Hash128 bits;
  bits.high = uint64_t{random()} << 32 | random();
  bits.low = uint64_t{random()} << 32 | random();
  return ToHex(bits);
}

}  // namespace

ServerResponse LivePage() {
  const std::string nonce = FreshNonce();
  ServerResponse reply;
  reply.content_type = "text/html; charset=utf-8";
  reply.body = absl::StrReplaceAll(ToAbsl(LivePageHtml()), {{"{{nonce}}", nonce}});
  reply.headers = {
      {"Content-Security-Policy",
       StrCat("default-src 'none'; script-src 'nonce-", nonce, "'; style-src 'nonce-", nonce,
              "'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
              "frame-ancestors 'none'")},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Cache-Control", "no-store"},
      {"Vary", "Accept"}};
  return reply;
}

}  // namespace millrace::sandbox
