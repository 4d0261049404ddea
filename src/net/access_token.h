// A token that the clients of a server send in the Authorization header.
#ifndef MILLRACE_NET_ACCESS_TOKEN_H_
#define MILLRACE_NET_ACCESS_TOKEN_H_

#include <string_view>

namespace millrace {

// Whether the header is "Bearer <token>", or "Basic <base64 of name:token>", which is the only form
// that a URL can carry. The time that this takes says nothing of `token`, which is not empty.
bool HasToken(std::string_view authorization, std::string_view token);

}  // namespace millrace

#endif  // MILLRACE_NET_ACCESS_TOKEN_H_
