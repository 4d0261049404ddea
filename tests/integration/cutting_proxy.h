// A relay between a client and a server that can lose a response.
#ifndef MILLRACE_TESTS_INTEGRATION_CUTTING_PROXY_H_
#define MILLRACE_TESTS_INTEGRATION_CUTTING_PROXY_H_

#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace millrace {

// Listens on the socket `<folder>/.s.PGSQL.5432` and relays to the socket `server`.
class CuttingProxy {
 public:
  CuttingProxy(const std::string& folder, std::string server);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  // The next request reaches the server; when its response arrives, the connection is closed
  // instead.
  void LoseNextAnswer();
  int connections() const;

 private:
  void Accept();
  void Relay(int client);
  bool TakeLoss();

  const std::string server_;
  int listener_ = -1;
  mutable absl::Mutex mutex_;
  bool lose_ ABSL_GUARDED_BY(mutex_) = false;
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<int> sockets_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> relays_;  // of the accepting thread, until it ends
  std::thread acceptor_;
};

}  // namespace millrace

#endif  // MILLRACE_TESTS_INTEGRATION_CUTTING_PROXY_H_
