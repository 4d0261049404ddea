// A destination that records what arrived, and scripted sinks for it.
#ifndef MILLRACE_PIPELINE_TESTING_FAKE_SINK_H_
#define MILLRACE_PIPELINE_TESTING_FAKE_SINK_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "pipeline/sink.h"

namespace millrace {

// The scripted outcome of one write.
enum class FakeWrite {
  kDurable,
  kRetry,         // nothing happens
  kThrottled,     // the same, and the destination asks for less
  kResponseLost,  // everything happens, but the sink cannot know
  kStop,
  kRefusedWhole,  // nothing happens: the destination refuses all rows and names none
};

// Thread-safe. Refuses the events of rows with 'x' (see fake_source.h). Outlives its sinks.
class FakeDestination {
 public:
  // `script` says how write number n (from 0) goes; called under a lock.
  using Script = std::function<FakeWrite(uint64_t n)>;
  explicit FakeDestination(Script script = [](uint64_t) { return FakeWrite::kDurable; })
      : script_(std::move(script)) {}

  std::unique_ptr<Sink> NewSink();
  void set_script(Script script);

  // How often each accepted line arrived.
  std::map<std::string, int> Arrived() const;
  // Rows of each write, in order.
  std::vector<size_t> BatchSizes() const;

 private:
  class FakeSink;
  WriteResult Write(const Batch& batch);
  std::vector<RefusedRow> Accept(const Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  Script script_ ABSL_GUARDED_BY(mutex_);
  std::vector<size_t> batch_sizes_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> arrived_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_FAKE_SINK_H_
