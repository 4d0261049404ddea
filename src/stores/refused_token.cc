#include "stores/refused_token.h"

#include <string_view>
#include <utility>

namespace millrace {

Refusal::RetryAdvice RefusedToken::Renew(const HttpRequest& request, TokenSource& tokens) {
  constexpr std::string_view kBearer = "Bearer ";
  for (const auto& [name, value] : request.headers) {
    if (name != "Authorization" || !value.starts_with(kBearer)) continue;
    std::string token = value.substr(kBearer.size());
    tokens.Forget({.value = token});
    absl::MutexLock lock(&mutex_);
    if (std::exchange(last_, token) != token) return Refusal::RetryAdvice::kNow;
  }
  return Refusal::RetryAdvice::kNone;
}

}  // namespace millrace
