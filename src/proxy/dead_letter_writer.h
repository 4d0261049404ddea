// Rejected records of requests in a dead letter queue, in an object for each day.
#ifndef MILLRACE_PROXY_DEAD_LETTER_WRITER_H_
#define MILLRACE_PROXY_DEAD_LETTER_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "pipeline/dead_letter_queue.h"
#include "proxy/rejected_records.h"

namespace millrace::proxy {

// Thread-safe. One thread writes what has come meanwhile and syncs it once.
class DeadLetterWriter final : public RejectedRecords {
 public:
  struct Options {
    std::string spool;  // what the objects are named after: "proxy:SPOOL/2026-11-30"
    size_t max_waiting_bytes = 32 << 20;  // then ResourceExhausted
  };
  // `queue` outlives it.
  DeadLetterWriter(Options options, DeadLetterQueue& queue);
  // Writes and acknowledges what was added.
  ~DeadLetterWriter() override;

  void Add(RejectedBatch batch, Done done) override;

  // The object of rejections of that day and type.
  static LedgerKey ObjectOf(const std::string& spool, RecordType type, absl::Time arrival);

 private:
  struct Waiting {
    RejectedBatch batch;
    Done done;
    size_t bytes = 0;
  };
  void Work();
  absl::Status Write(std::vector<Waiting>& all);

  const Options options_;
  DeadLetterQueue& queue_;
  uint64_t last_row_ = 0;  // of the writing thread
  absl::Mutex mutex_;
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ends_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_DEAD_LETTER_WRITER_H_
