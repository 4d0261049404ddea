// HTTP clients that threads borrow, so that connections are reused.
#ifndef MILLRACE_STORES_CLIENT_POOL_H_
#define MILLRACE_STORES_CLIENT_POOL_H_

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "net/http_client.h"

namespace millrace {

using HttpClientFactory = std::function<std::unique_ptr<HttpClient>()>;

// Thread-safe. Outlives the clients it lends.
class ClientPool {
 public:
  explicit ClientPool(HttpClientFactory factory) : factory_(std::move(factory)) {}

  struct GiveBack {
    ClientPool* pool;
    void operator()(HttpClient* client) const {
      absl::MutexLock lock(&pool->mutex_);
      pool->idle_.emplace_back(client);
    }
  };
  using Lease = std::unique_ptr<HttpClient, GiveBack>;

  Lease Take() {
    std::unique_ptr<HttpClient> client;
    {
      absl::MutexLock lock(&mutex_);
      if (!idle_.empty()) {
        client = std::move(idle_.back());
        idle_.pop_back();
      }
    }
    if (client == nullptr) client = factory_();
    return Lease(client.release(), GiveBack{this});
  }

 private:
  const HttpClientFactory factory_;
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<HttpClient>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_STORES_CLIENT_POOL_H_
