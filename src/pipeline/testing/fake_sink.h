// A destination that records what arrived, and scripted sinks for it.
#ifndef MILLRACE_PIPELINE_TESTING_FAKE_SINK_H_
#define MILLRACE_PIPELINE_TESTING_FAKE_SINK_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "pipeline/delivery_cursor.h"
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

// Thread-safe. Refuses events with 'x' (see fake_source.h). Outlives its sinks.
//
// With a cursor it has each event once, and all events of a source row or none: it refuses a row of
// which it refuses an event. Its sinks then need spans.
class FakeDestination : private DeliveryCursor {
 public:
  // `script` says how write number n (from 0) goes; called under a lock.
  using Script = std::function<FakeWrite(uint64_t n)>;
  explicit FakeDestination(Script script = [](uint64_t) { return FakeWrite::kDurable; })
      : script_(std::move(script)) {}

  std::unique_ptr<Sink> NewSink();
  void set_script(Script script);
  // Before anything is written.
  void KeepCursor() { keeps_cursor_ = true; }
  // From then on, the cursor forgets objects that are released as delivered.
  void ForgetDelivered() { forgets_delivered_ = true; }
  DeliveryCursor* cursor() { return keeps_cursor_ ? this : nullptr; }

  // The releases that the cursor has seen: the URI of the object, and " delivered" or "".
  std::vector<std::string> Releases() const;
  // How often each accepted line arrived.
  std::map<std::string, int> Arrived() const;
  // Rows of each write, in order.
  std::vector<size_t> BatchSizes() const;

 private:
  class FakeSink;
  // What the cursor knows of an object.
  struct Delivered {
    std::string writer;
    RowRanges rows;
  };
  absl::StatusOr<RowRanges> Claim(const LedgerKey& object, const std::string& writer,
                                  std::stop_token stop) override;
  absl::Status Forget(const LedgerKey& object, std::stop_token stop) override;
  void Release(const LedgerKey& object, const std::string& writer, bool delivered) override;
  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan> spans);
  WriteResult Accept(const Batch& batch, absl::Span<const BatchSpan> spans)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AcceptSpan(const Batch& batch, const BatchSpan& span, Delivered& delivered,
                  std::vector<RefusedRow>& refused) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  bool keeps_cursor_ = false;
  bool forgets_delivered_ = false;
  mutable absl::Mutex mutex_;
  Script script_ ABSL_GUARDED_BY(mutex_);
  std::vector<size_t> batch_sizes_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> arrived_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> releases_ ABSL_GUARDED_BY(mutex_);
  std::map<LedgerKey, Delivered> delivered_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_FAKE_SINK_H_
