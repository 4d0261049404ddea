#include "net/access_token.h"

#include <string>

#include "absl/strings/escaping.h"
#include "base/strings.h"

namespace millrace {
namespace {

// Takes the same time wherever the first difference is.
bool SameText(std::string_view a, std::string_view b) {
  unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < b.size(); ++i) {
    difference |= static_cast<unsigned char>(b[i] ^ (i < a.size() ? a[i] : ~b[i]));
  }
  return difference == 0;
}

// The token of "Bearer <token>", or the password of "Basic <base64 of name:password>"; "" if it is
// neither.
std::string TokenOf(std::string_view authorization) {
  static constexpr std::string_view kBearer = "Bearer ";
  static constexpr std::string_view kBasic = "Basic ";
  if (authorization.starts_with(kBearer)) return std::string(authorization.substr(kBearer.size()));
  std::string pair;
  if (!authorization.starts_with(kBasic) ||
      !absl::Base64Unescape(ToAbsl(authorization.substr(kBasic.size())), &pair)) {
    return "";
  }
  const size_t colon = pair.find(':');
  return colon == std::string::npos ? "" : pair.substr(colon + 1);
}

}  // namespace

bool HasToken(std::string_view authorization, std::string_view token) {
  return SameText(TokenOf(authorization), token);
}

}  // namespace millrace
