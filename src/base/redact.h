// Finds secrets in addresses, so that an address can be shown.
#ifndef MILLRACE_BASE_REDACT_H_
#define MILLRACE_BASE_REDACT_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

// Where secrets stand in `text`, which may be an address or a message that quotes some: (begin,
// size), ascending, without overlap. They are
//   the password of a URI, "scheme://user:password@host", also with characters in it that should
//   have been written as %XX;
//   values of parameters of a URI that are named as secrets ("password", "sig", "token",
//   "X-Amz-Signature" ...);
//   "password=..." of a connection string of libpq, with or without quotes.
std::vector<std::pair<size_t, size_t>> FindSecrets(std::string_view text);

// `text` with "***" in the place of each.
std::string RedactSecrets(std::string_view text);

}  // namespace millrace

#endif  // MILLRACE_BASE_REDACT_H_
