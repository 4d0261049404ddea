#include "script/script_pool.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "script/script_thread.h"

namespace millrace {

// The copies of one script.
class ScriptPool::Copies {
 public:
  Copies(std::string path, std::string_view text, size_t max, const ScriptLimits& limits,
         std::unique_ptr<Script> first)
      : path_(std::move(path)), text_(text), limits_(limits), max_(max) {
    free_.push_back(std::move(first));
  }

  const std::string& text() const { return text_; }

  std::unique_ptr<Script> Take() {
    for (;;) {
      {
        absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(this, &Copies::MayTake));
        if (!free_.empty()) {
          // The most recently returned one: its heap is in the caches.
          std::unique_ptr<Script> script = std::move(free_.back());
          free_.pop_back();
          return script;
        }
        ++loaded_;
      }
      absl::StatusOr<std::unique_ptr<Script>> script = LoadInThread(path_, text_, limits_);
      if (script.ok()) return *std::move(script);
      // The script has loaded before, so memory is exhausted: the existing copies must suffice.
      absl::MutexLock lock(&mutex_);
      max_ = --loaded_;
    }
  }

  void Return(std::unique_ptr<Script> script) {
    absl::MutexLock lock(&mutex_);
    free_.push_back(std::move(script));
  }

 private:
  bool MayTake() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !free_.empty() || loaded_ < max_;
  }

  const std::string path_;
  const std::string text_;
  const ScriptLimits limits_;
  absl::Mutex mutex_;
  size_t max_ ABSL_GUARDED_BY(mutex_);
  size_t loaded_ ABSL_GUARDED_BY(mutex_) = 1;  // free or in use
  std::vector<std::unique_ptr<Script>> free_ ABSL_GUARDED_BY(mutex_);
};

class ScriptPool::Pooled : public Script {
 public:
  explicit Pooled(std::shared_ptr<Copies> copies) : copies_(std::move(copies)) {}

  size_t Run(const Batch& records, size_t first, size_t max_bytes, Batch& results,
             std::vector<ScriptFailure>& failures) override {
    std::unique_ptr<Script> script = copies_->Take();
    const size_t next = script->Run(records, first, max_bytes, results, failures);
    copies_->Return(std::move(script));
    return next;
  }

 private:
  const std::shared_ptr<Copies> copies_;
};

size_t ScriptPool::Processors() { return std::max(1u, std::thread::hardware_concurrency()); }

ScriptPool::ScriptPool(size_t max, const ScriptLimits& limits) : max_(max), limits_(limits) {}

ScriptPool::~ScriptPool() = default;

absl::StatusOr<std::unique_ptr<Script>> ScriptPool::Get(const std::string& path,
                                                        std::string_view text) {
  absl::MutexLock lock(&mutex_);
  std::shared_ptr<Copies>& copies = scripts_[path];
  if (copies == nullptr || copies->text() != text) {
    absl::StatusOr<std::unique_ptr<Script>> first = LoadInThread(path, text, limits_);
    if (!first.ok()) return first.status();
    copies = std::make_shared<Copies>(path, text, max_, limits_, *std::move(first));
  }
  return std::make_unique<Pooled>(copies);
}

}  // namespace millrace
