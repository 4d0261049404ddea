// Which project tokens are accepted, and what becomes of them.
#ifndef MILLRACE_PROXY_TOKEN_RULES_H_
#define MILLRACE_PROXY_TOKEN_RULES_H_

#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "base/strings.h"

namespace millrace::proxy {

struct TokenRules {
  // If not empty, every record gets this token. The lists below look at the token that was sent.
  std::string replacement;
  absl::flat_hash_set<std::string> allowed;  // if not empty: only these; a record needs one
  absl::flat_hash_set<std::string> refused;

  // `token` is empty for a record without one.
  bool Accepts(std::string_view token) const {
    if (!allowed.empty() && !allowed.contains(ToAbsl(token))) return false;
    return refused.empty() || !refused.contains(ToAbsl(token));
  }
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_TOKEN_RULES_H_
