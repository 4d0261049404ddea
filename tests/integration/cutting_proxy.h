// A relay between a client and a server that can lose a request or a response.
#ifndef MILLRACE_TESTS_INTEGRATION_CUTTING_PROXY_H_
#define MILLRACE_TESTS_INTEGRATION_CUTTING_PROXY_H_

#include <optional>
#include <string>
#include <string_view>
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
  // The next connection that sends `text` is closed at the request after that: once the response
  // arrives (`with_effect`), or before the server sees the request.
  void CutAfter(std::string text, bool with_effect);
  // At that request the client's connection is closed and the request is held back, on a connection
  // that the server sees as open, until Release().
  void HoldAfter(std::string text);
  void Release();
  int connections() const;

 private:
  void Accept();
  void Relay(int client);
  bool TakeLoss();
  // Whether the client's bytes end the connection, and with which effect.
  struct Cut {
    std::string text;
    bool with_effect = false;
    bool hold = false;
  };
  std::optional<Cut> TakeCut(std::string_view bytes);

  const std::string server_;
  int listener_ = -1;
  mutable absl::Mutex mutex_;
  bool lose_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<Cut> cut_ ABSL_GUARDED_BY(mutex_);
  bool released_ ABSL_GUARDED_BY(mutex_) = false;
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<int> sockets_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> relays_;  // of the accepting thread, until it ends
  std::thread acceptor_;
};

}  // namespace millrace

#endif  // MILLRACE_TESTS_INTEGRATION_CUTTING_PROXY_H_
