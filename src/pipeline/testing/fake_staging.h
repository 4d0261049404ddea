// A destination whose rows become visible by commits, and what goes wrong with them.
#ifndef MILLRACE_PIPELINE_TESTING_FAKE_STAGING_H_
#define MILLRACE_PIPELINE_TESTING_FAKE_STAGING_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "pipeline/staging.h"
#include "pipeline/testing/fake_sink.h"

namespace millrace {

// The scripted outcome of one call of a committer.
enum class FakeCommit {
  kDone,
  kNoAnswer,      // nothing happens
  kResponseLost,  // everything happens, but the committer cannot know
  kPartly,        // a commit: the first half of the parts becomes visible
  kLate,          // a commit: nothing happens now, but the request may still arrive
  kGone,          // a commit: its parts that are not visible vanish
  kStop,
};

// Thread-safe. Refuses rows with an event 'x' when they are staged, and events 'y' in the commit.
// Outlives the stagings it makes.
class FakeStagedDestination {
 public:
  // As one process has it. What it staged is left as orphans when it is destroyed.
  std::unique_ptr<Staging> NewStaging();

  // How write, call of Seal() (true: it succeeds) or call of a committer number n (from 0) goes;
  // called under a lock.
  void set_stage_script(FakeDestination::Script script);
  void set_seal_script(std::function<bool(uint64_t n)> script);
  using CommitScript = std::function<FakeCommit(uint64_t n)>;
  void set_commit_script(CommitScript script);

  // Requests that are still on their way arrive.
  void DeliverLate();
  // Parts vanish.
  void LoseParts(const std::vector<std::string>& parts);

  // How often each line is visible.
  std::map<std::string, int> Visible() const;
  // A line that was visible twice at some moment, or "".
  std::string EverTwice() const;
  // The names of the parts that are not visible, in any process's use or in none's.
  std::vector<std::string> Parts() const;
  // Rows of each write, in order.
  std::vector<size_t> BatchSizes() const;
  // Commits that became visible as a whole.
  uint64_t Commits() const;

 private:
  class Process;
  class FakeStagedSink;
  class FakeCommitter;

  struct Row {
    LedgerKey object;
    uint64_t source_row = 0;
    std::string line;
  };
  struct Part {
    uint64_t process = 0;
    std::vector<Row> rows;
  };
  // What is visible of an intent.
  struct Commit {
    std::map<std::string, Part> visible;
    bool fenced = false;
  };

  WriteResult Stage(uint64_t process, std::string& part, const Batch& batch,
                    absl::Span<const BatchSpan> spans);
  absl::StatusOr<std::vector<std::string>> Seal(std::string& part);
  CommitResult TryCommit(const Intent& intent);
  absl::Status TryAbandon(const Intent& intent);
  void RemoveOrphans(absl::Span<const Intent> open);
  void EndProcess(uint64_t process);

  std::vector<RefusedRow> AddRows(const Batch& batch, absl::Span<const BatchSpan> spans, Part& part)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // False if a part does not exist.
  bool MakeVisible(const Intent& intent, size_t parts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  CommitResult ResultOf(const Intent& intent) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Show(const Row& row, int times) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DeliverLateLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  FakeDestination::Script stage_script_ ABSL_GUARDED_BY(mutex_) = [](uint64_t) {
    return FakeWrite::kDurable;
  };
  std::function<bool(uint64_t)> seal_script_ ABSL_GUARDED_BY(mutex_) = [](uint64_t) {
    return true;
  };
  CommitScript commit_script_ ABSL_GUARDED_BY(mutex_) = [](uint64_t) { return FakeCommit::kDone; };
  std::vector<size_t> batch_sizes_ ABSL_GUARDED_BY(mutex_);
  uint64_t seals_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t commit_calls_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t commits_done_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t names_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, bool> processes_ ABSL_GUARDED_BY(mutex_);  // true: it lives
  std::map<std::string, Part> parts_ ABSL_GUARDED_BY(mutex_);   // that are not visible
  std::map<std::string, Commit> commits_ ABSL_GUARDED_BY(mutex_);
  std::vector<Intent> late_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> visible_ ABSL_GUARDED_BY(mutex_);
  std::string ever_twice_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_FAKE_STAGING_H_
