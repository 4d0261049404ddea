// The state that the handlers of one sandbox share.
#ifndef MILLRACE_SANDBOX_CONTEXT_H_
#define MILLRACE_SANDBOX_CONTEXT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "base/byte_buffer.h"
#include "base/clock.h"
#include "sandbox/adjustable_clock.h"
#include "sandbox/annotations.h"
#include "sandbox/authorization.h"
#include "sandbox/cohorts.h"
#include "sandbox/engage_sessions.h"
#include "sandbox/event_check.h"
#include "sandbox/event_store.h"
#include "sandbox/faults.h"
#include "sandbox/jql_query.h"
#include "sandbox/limits.h"
#include "sandbox/profile_store.h"
#include "sandbox/project_time.h"
#include "sandbox/query_limits.h"
#include "sandbox/stats.h"
#include "sandbox/task_threads.h"

namespace millrace::sandbox {

// Memory for one request, reused by later ones.
struct Scratch {
  ByteBuffer body;
  std::vector<std::string_view> records;
  EventChecker checker;
};

// Thread-safe.
class ScratchPool {
 public:
  // Returns itself to the pool on destruction.
  class Lease {
   public:
    explicit Lease(ScratchPool& pool) : pool_(pool), scratch_(pool.Take()) {}
    ~Lease() { pool_.Give(std::move(scratch_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Scratch* get() { return scratch_.get(); }

   private:
    ScratchPool& pool_;
    std::unique_ptr<Scratch> scratch_;
  };

 private:
  std::unique_ptr<Scratch> Take() {
    absl::MutexLock lock(&mutex_);
    if (free_.empty()) return std::make_unique<Scratch>();
    std::unique_ptr<Scratch> scratch = std::move(free_.back());
    free_.pop_back();
    return scratch;
  }
  void Give(std::unique_ptr<Scratch> scratch) {
    scratch->records.clear();
    absl::MutexLock lock(&mutex_);
    free_.push_back(std::move(scratch));
  }

  absl::Mutex mutex_;
  std::vector<std::unique_ptr<Scratch>> free_ ABSL_GUARDED_BY(mutex_);
};

struct Context {
  AdjustableClock clock;
  Access access;
  std::string project_id = "1";  // of the project that requests without one mean
  ProjectTime project;
  std::string store_name;  // shown on the page: "memory" or the folder
  bool discard = false;
  std::string listen_host;
  std::string scheme = "http";  // of the sandbox's own URL
  std::unique_ptr<EventStore> events;
  std::unique_ptr<ProfileStore> profiles;
  Faults faults;
  Stats stats;
  ScratchPool scratch;
  std::atomic<uint64_t> made_up_ids{0};  // $insert_ids that /track generated
  QueryLimits limits;
  size_t engage_page_size = kEngagePageSize;
  EngageSessions sessions;
  Cohorts cohorts;
  Annotations annotations;
  JqlLimits jql_limits;
  TaskThreads tasks{kMaxRunningQueries};  // last: they use the others until they end

  int64_t NowMs() { return absl::ToUnixMillis(clock.Now()); }
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_CONTEXT_H_
