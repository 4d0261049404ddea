// A strict stand-in for Firestore's REST API (v1): documents, commits with preconditions,
// batchWrite, transactions that fail under contention, queries by fields, and faults on request.
// Strict: it refuses what it does not know, so that a wrong request does not pass.
#ifndef MILLRACE_CONNECTORS_FIRESTORE_TESTING_FAKE_FIRESTORE_H_
#define MILLRACE_CONNECTORS_FIRESTORE_TESTING_FAKE_FIRESTORE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "connectors/firestore/testing/fake_documents.h"
#include "net/http_server.h"

namespace millrace::firestore {

// What happens to a request instead of the normal effect.
enum class Fault {
  kAborted,       // 409: contention; nothing is done
  kUnavailable,   // 503; nothing is done
  kResponseLost,  // it is executed, but the connection is closed without a response
  kDenied,        // 403
};

struct FakeFirestoreOptions {
  std::string token = "owner";  // of "Authorization: Bearer"; others get 401
  Clock& clock = Clock::Real();
  absl::Duration latency = absl::ZeroDuration();
  std::map<Fault, double> faults;  // probability for each request that would write
  uint64_t seed = 1;
};

// Thread-safe.
class FakeFirestore {
 public:
  explicit FakeFirestore(FakeFirestoreOptions options);  // listens on a free loopback port

  std::string url() const { return server_->url(); }
  // The next requests that would write meet these faults, one each, in order.
  void FailNext(Fault fault);
  uint64_t requests() const;
  // While `hold`, requests are executed but not answered.
  void HoldReplies(bool hold);
  void AwaitRequestAfter(uint64_t requests) const;

  // The server's clock: that of the options, plus a microsecond for each commit, as no two commits
  // have the same time.
  absl::Time Now();

 private:
  ServerResponse Handle(const ServerRequest& request);
  ServerResponse Dispatch(const ServerRequest& request, std::string_view method)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Fault> NextFault() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const FakeFirestoreOptions options_;
  mutable absl::Mutex mutex_;
  FakeDocuments documents_ ABSL_GUARDED_BY(mutex_);
  std::deque<Fault> next_ ABSL_GUARDED_BY(mutex_);
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
  uint64_t requests_ ABSL_GUARDED_BY(mutex_) = 0;
  bool hold_replies_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<HttpServer> server_;  // last: ends first
};

}  // namespace millrace::firestore

#endif  // MILLRACE_CONNECTORS_FIRESTORE_TESTING_FAKE_FIRESTORE_H_
