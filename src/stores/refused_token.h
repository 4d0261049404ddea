// Bearer tokens that a cloud refused.
#ifndef MILLRACE_STORES_REFUSED_TOKEN_H_
#define MILLRACE_STORES_REFUSED_TOKEN_H_

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "auth/token_source.h"
#include "net/http_client.h"
#include "stores/requester.h"

namespace millrace {

// Thread-safe.
class RefusedToken {
 public:
  // For a request that got a 401: its token may have been revoked, so `tokens` fetches another.
  // kNone if there is none, or if it was refused before: a retry will not help.
  Refusal::RetryAdvice Renew(const HttpRequest& request, TokenSource& tokens);

 private:
  absl::Mutex mutex_;
  std::string last_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_STORES_REFUSED_TOKEN_H_
