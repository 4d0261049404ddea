// What follows when a service refuses a token that has not expired.
#ifndef MILLRACE_AUTH_TOKEN_RENEWAL_H_
#define MILLRACE_AUTH_TOKEN_RENEWAL_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "auth/token_source.h"

namespace millrace {

// One for each service and source of tokens. Thread-safe.
class TokenRenewal {
 public:
  explicit TokenRenewal(std::shared_ptr<TokenSource> tokens) : tokens_(std::move(tokens)) {}

  // A request with this header ("Bearer TOKEN") was refused: 401, or UNAUTHENTICATED. True: the
  // token may have been revoked, and the next request gets another one. False: the service refuses
  // new ones too, so a retry will not help.
  bool Refused(std::string_view authorization);
  // A request was let in.
  void Accepted();

 private:
  const std::shared_ptr<TokenSource> tokens_;
  absl::Mutex mutex_;
  std::string refused_ ABSL_GUARDED_BY(mutex_);      // the last one
  bool is_renewed_ ABSL_GUARDED_BY(mutex_) = false;  // since a request was let in
};

}  // namespace millrace

#endif  // MILLRACE_AUTH_TOKEN_RENEWAL_H_
