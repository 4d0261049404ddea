#include "script/script_thread.h"

#include <pthread.h>

#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"

namespace millrace {
namespace {

// Runs tasks, one after another, in one thread.
class OneThread {
 public:
  OneThread() : thread_([this] { Work(); }) {}
  ~OneThread() {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
  }

  // Returns when `work` has finished. One caller at a time.
  void Run(absl::FunctionRef<void()> work) {
    absl::MutexLock lock(&mutex_);
    work_ = &work;
    mutex_.Await(absl::Condition(this, &OneThread::IsIdle));
  }

 private:
  bool IsIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return work_ == nullptr; }
  bool IsWanted() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return work_ != nullptr || ended_; }

  void Work() {
    pthread_setname_np(pthread_self(), "script");
    absl::MutexLock lock(&mutex_);
    for (;;) {
      mutex_.Await(absl::Condition(this, &OneThread::IsWanted));
      if (ended_) return;
      const absl::FunctionRef<void()> work = *work_;
      mutex_.Unlock();
      work();
      mutex_.Lock();
      work_ = nullptr;
    }
  }

  absl::Mutex mutex_;
  const absl::FunctionRef<void()>* work_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

class ScriptThread : public Script {
 public:
  ~ScriptThread() override {
    thread_.Run([this] { script_.reset(); });
  }

  absl::Status Load(std::string path, std::string_view text, const ScriptLimits& limits) {
    absl::Status status;
    thread_.Run([&] {
      absl::StatusOr<std::unique_ptr<Script>> script = Script::Load(std::move(path), text, limits);
      status = script.status();
      if (script.ok()) script_ = *std::move(script);
    });
    return status;
  }

  size_t Run(const Batch& records, size_t first, size_t max_bytes, Batch& results,
             std::vector<ScriptFailure>& failures) override {
    size_t next = first;
    thread_.Run([&] { next = script_->Run(records, first, max_bytes, results, failures); });
    return next;
  }

 private:
  OneThread thread_;
  std::unique_ptr<Script> script_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Script>> LoadInThread(std::string path, std::string_view text,
                                                     const ScriptLimits& limits) {
  auto script = std::make_unique<ScriptThread>();
  if (const absl::Status status = script->Load(std::move(path), text, limits); !status.ok()) {
    return status;
  }
  return script;
}

}  // namespace millrace
