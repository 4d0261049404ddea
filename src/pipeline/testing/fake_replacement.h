// A destination in which one record is replaced.
#ifndef MILLRACE_PIPELINE_TESTING_FAKE_REPLACEMENT_H_
#define MILLRACE_PIPELINE_TESTING_FAKE_REPLACEMENT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "pipeline/replacement.h"
#include "pipeline/testing/fake_sink.h"

namespace millrace {

// The scripted outcome of one call of Replacement::Publish().
enum class FakePublish {
  kDone,
  kNoAnswer,      // nothing happens
  kResponseLost,  // everything happens, but the run cannot know
  kLate,          // nothing happens now, but the request may still arrive
  kStop,
};

// Thread-safe. Refuses rows with an event 'x'. Outlives the replacements it makes.
class FakeReplacedDestination {
 public:
  static constexpr char kOldRecord[] = "old";

  // As one process has it, for the same scope.
  std::unique_ptr<Replacement> NewReplacement();

  // How write or call of Publish() number n (from 0) goes; called under a lock.
  void set_write_script(FakeDestination::Script script);
  using PublishScript = std::function<FakePublish(uint64_t n)>;
  void set_publish_script(PublishScript script);

  // Requests that are still on their way arrive.
  void DeliverLate();
  // How often each line is visible; at first the old record.
  std::map<std::string, int> Visible() const;
  // What was visible, one state after another.
  std::vector<std::map<std::string, int>> EverVisible() const;
  // What was collected and is not visible.
  std::map<std::string, int> Collected() const;

 private:
  class FakeReplacement;
  // Who collects what.
  struct Claimed {
    LedgerKey object;
    std::string writer;
    friend bool operator==(const Claimed&, const Claimed&) = default;
  };

  absl::Status Begin(const Claimed& claim);
  void Remove();
  // What is collected now; null: nothing.
  std::shared_ptr<FakeDestination> collected() const;
  absl::Status TryToPublish(const Claimed& claim);
  absl::Status PublishLocked(const Claimed& claim) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex write_mutex_;  // taken while a FakeDestination is locked
  FakeDestination::Script write_script_ ABSL_GUARDED_BY(write_mutex_) = [](uint64_t) {
    return FakeWrite::kDurable;
  };
  uint64_t writes_ ABSL_GUARDED_BY(write_mutex_) = 0;
  mutable absl::Mutex mutex_;
  PublishScript publish_script_ ABSL_GUARDED_BY(mutex_) = [](uint64_t) {
    return FakePublish::kDone;
  };
  uint64_t publish_calls_ ABSL_GUARDED_BY(mutex_) = 0;
  Claimed claim_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<FakeDestination> collected_ ABSL_GUARDED_BY(mutex_);
  std::vector<Claimed> late_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::map<std::string, int>> visible_ ABSL_GUARDED_BY(mutex_) = {{{kOldRecord, 1}}};
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_FAKE_REPLACEMENT_H_
