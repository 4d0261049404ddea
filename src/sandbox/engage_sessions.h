// The results of engage queries, kept so that later pages of a session show the same state.
#ifndef MILLRACE_SANDBOX_ENGAGE_SESSIONS_H_
#define MILLRACE_SANDBOX_ENGAGE_SESSIONS_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace millrace::sandbox {

struct EngageResult {
  std::string query;  // what it is the result of: its parameters, except pages and sessions
  struct Profile {
    std::string id;
    std::string properties;  // a JSON object
  };
  std::vector<Profile> profiles;
};

// Keeps the last 50 results, but few of many profiles; each for half an hour after its last use.
// Thread-safe.
class EngageSessions {
 public:
  // The id of the new session.
  std::string Add(std::shared_ptr<const EngageResult> result, absl::Time now);
  // Null if there is no such session, if it has expired, or if it is of another query.
  std::shared_ptr<const EngageResult> Find(std::string_view id, std::string_view query,
                                           absl::Time now);
  void Clear();

 private:
  struct Session {
    std::string id;
    absl::Time used;
    std::shared_ptr<const EngageResult> result;
  };

  absl::Mutex mutex_;
  std::deque<Session> sessions_ ABSL_GUARDED_BY(mutex_);  // the newest last
  uint64_t made_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_ENGAGE_SESSIONS_H_
