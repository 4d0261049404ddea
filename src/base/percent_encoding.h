// %XX in URLs (RFC 3986, section 2.1).
#ifndef MILLRACE_BASE_PERCENT_ENCODING_H_
#define MILLRACE_BASE_PERCENT_ENCODING_H_

#include <optional>
#include <string>
#include <string_view>

namespace millrace {

// `text` with every byte but [A-Za-z0-9-._~] as %XX.
std::string UrlEncode(std::string_view text);

// The text that %XX encodes. A '%' that two hex digits do not follow stays; `plus_is_space` is for
// forms.
std::string UrlDecode(std::string_view text, bool plus_is_space);

// The same, but nullopt if two hex digits do not follow a '%'.
std::optional<std::string> UrlDecodeStrictly(std::string_view text);

}  // namespace millrace

#endif  // MILLRACE_BASE_PERCENT_ENCODING_H_
