#include "auth/token_renewal.h"

#include <utility>

namespace millrace {

bool TokenRenewal::Refused(std::string_view authorization) {
  constexpr std::string_view kBearer = "Bearer ";
  if (!authorization.starts_with(kBearer)) return false;
  std::string token(authorization.substr(kBearer.size()));
  absl::MutexLock lock(&mutex_);
  if (token == refused_) return true;  // as another request has found out
  if (is_renewed_) return false;
  is_renewed_ = true;
  tokens_->Forget({.value = token});
  refused_ = std::move(token);
  return true;
}

void TokenRenewal::Accepted() {
  absl::MutexLock lock(&mutex_);
  is_renewed_ = false;
}

}  // namespace millrace
