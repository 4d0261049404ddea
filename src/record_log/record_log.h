// A log of records on disk: what was appended is on stable storage before it is acknowledged, and
// readers follow it at their own speed. Segments have numbers, which are never used again; their
// files are. Format: frame.h.
#ifndef MILLRACE_RECORD_LOG_RECORD_LOG_H_
#define MILLRACE_RECORD_LOG_RECORD_LOG_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/byte_buffer.h"
#include "base/clock.h"
#include "base/histogram.h"
#include "record_log/frame.h"
#include "record_log/log_files.h"

namespace millrace {

struct RecordLogOptions {
  uint64_t segment_bytes = 64 << 20;  // of a file; a segment ends when the next frame does not fit
  absl::Duration segment_age = absl::Minutes(10);  // or when it is this old and has records
  // Of the files of all segments; then the log is full. A log that is full when it is opened begins
  // a segment all the same, which stays empty until there is room.
  uint64_t max_bytes = uint64_t{10} << 30;
  size_t max_waiting_bytes = 32 << 20;  // appended and not yet written
  bool syncs = true;                    // false: for benchmarks
};

// Where the records of one Append() are.
struct FramePlace {
  uint64_t sequence = 0;  // of the segment
  uint64_t end_row = 0;   // the number of records of their type in the segment up to their end
};

// A segment as readers see it: up to the last sync.
struct SegmentState {
  uint64_t sequence = 0;
  uint64_t end = kSegmentHeaderBytes;  // of its frames
  RecordCounts counts = {};
  bool is_sealed = false;  // there will be no more
  bool is_filled = false;  // the file was created with LogFiles::Fill::kZeros
  std::shared_ptr<LogFile> file;
};

// Thread-safe. Frames that are appended while others are synced share the next sync; under load,
// that one waits up to 0.2 ms for more of them.
class RecordLog {
 public:
  // Opens the log in `files`, or makes one. A segment whose writer was killed ends with its last
  // whole frame, and a new one is begun; what is damaged before that frame becomes records that are
  // no JSON. DataLoss: the header of a segment is damaged; ResourceExhausted: there is no room for
  // a segment. All arguments outlive it.
  static absl::StatusOr<std::unique_ptr<RecordLog>> Open(LogFiles& files,
                                                         const RecordLogOptions& options,
                                                         Clock& clock);
  // Writes and acknowledges what was appended.
  ~RecordLog();

  // Called once for each Append(), in their order, from the log's thread or from Append(); does not
  // block. Ok: the frames are on stable storage. ResourceExhausted: there is no room for all of
  // them in the log, on the disk or in memory; none is in the log. Unavailable: the disk failed;
  // they may be in the log, and nothing is acknowledged any more.
  using Done = std::function<void(const absl::Status&)>;
  // `frames`, all of one type, need only be valid during the call, which does not block. They are
  // written one after another into one segment. InvalidArgument, at once: they do not fit into one,
  // or there is none. `place`, if given, is set before `done` is called with ok, and outlives that
  // call.
  void Append(absl::Span<const Frame> frames, Done done, FramePlace* place = nullptr);
  void Append(const Frame& frame, Done done, FramePlace* place = nullptr) {
    Append({&frame, 1}, std::move(done), place);
  }

  const std::string& id() const { return id_; }  // 32 hex digits
  // In the order of their numbers. The last one is not sealed. Without their files, because a file
  // that somebody has is not used again.
  std::vector<SegmentState> segments() const;
  // Nullopt: it was removed, or does not exist yet.
  std::optional<SegmentState> segment(uint64_t sequence) const;
  uint64_t last_sequence() const;
  uint64_t bytes() const;  // of all segments
  // Records that were damaged when it was opened.
  uint64_t damaged() const { return damaged_; }
  uint64_t max_bytes() const { return options_.max_bytes; }
  const Histogram& sync_durations() const { return sync_durations_; }  // in seconds
  // Why nothing is acknowledged any more; ok if all is well.
  absl::Status failure() const;

  // Waits until segment `sequence` has more than `count` records of that type, or is sealed, or was
  // removed, or a `stop` or `timeout` ends the wait.
  void AwaitMore(uint64_t sequence, RecordType type, uint64_t count, const std::stop_token& stop,
                 absl::Duration timeout) const;

  // Removes a sealed segment; ok once that is on stable storage. Readers that have its file may
  // read on.
  absl::Status Remove(uint64_t sequence);

 private:
  struct Waiting {
    size_t end = 0;  // of its frames in the batch
    RecordType type = RecordType::kEvent;
    uint32_t count = 0;
    Done done;
    FramePlace* place = nullptr;
  };
  struct Batch {
    ByteBuffer frames;
    std::vector<Waiting> waiting;
  };
  struct Prepared {
    uint64_t sequence = 0;
    std::shared_ptr<LogFile> file;
    bool is_filled = false;
  };

  RecordLog(LogFiles& files, const RecordLogOptions& options, Clock& clock)
      : files_(files), options_(options), clock_(clock) {}
  absl::Status Recover();
  absl::StatusOr<SegmentState> RecoverSegment(const std::string& name, uint64_t sequence);
  absl::StatusOr<Prepared> Prepare(uint64_t sequence, LogFiles::Fill fill);
  // Whether the log and `more` bytes are within the maximum.
  absl::Status CheckRoom(uint64_t more) const;
  void Shrink(const SegmentState& sealed) const;
  void Begin(Prepared prepared);
  void PrepareAhead();
  void Commit();
  void Write(Batch& batch);
  absl::Status WriteRun(Batch& batch, size_t first, size_t last);
  absl::Status Rotate();
  absl::Status Seal(const SegmentState& segment);
  void Fail(const absl::Status& why);
  absl::Duration TimeToRotate() const;
  SegmentState Last() const;
  bool MayPrepare() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_mutex_) {
    return ends_preparing_ || (!next_ && wants_next_);
  }
  bool NextIsKnown() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_mutex_) {
    return next_.has_value() || !no_room_.ok();
  }
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mutex_) {
    return ends_ || !batch_.waiting.empty();
  }
  bool HasGathered() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mutex_);

  LogFiles& files_;
  const RecordLogOptions options_;
  Clock& clock_;
  Histogram sync_durations_{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                            0.025,  0.05,    0.1,    0.25,  0.5,    1,     2.5};
  std::string raw_id_;
  std::string id_;
  uint64_t damaged_ = 0;  // of Recover()

  absl::Mutex append_mutex_;
  Batch batch_ ABSL_GUARDED_BY(append_mutex_);  // collects while another one is written
  bool ends_ ABSL_GUARDED_BY(append_mutex_) = false;

  mutable absl::Mutex state_mutex_;
  std::map<uint64_t, SegmentState> segments_ ABSL_GUARDED_BY(state_mutex_);
  std::vector<std::string> spare_ ABSL_GUARDED_BY(state_mutex_);  // files to be used again
  absl::Status failure_ ABSL_GUARDED_BY(state_mutex_);
  std::optional<Prepared> next_ ABSL_GUARDED_BY(state_mutex_);
  bool wants_next_ ABSL_GUARDED_BY(state_mutex_) = false;
  bool is_busy_ ABSL_GUARDED_BY(state_mutex_) = false;  // the last segment grows towards its end
  absl::Status no_room_ ABSL_GUARDED_BY(state_mutex_);  // why there is no next segment
  bool ends_preparing_ ABSL_GUARDED_BY(state_mutex_) = false;

  bool begun_beyond_max_ = false;  // of the committer
  absl::Duration begun_;           // when the last segment got its first frame; of the committer

  std::thread committer_;
  std::thread preparer_;
};

// Reads one segment, frame by frame, up to the last sync. One thread at a time.
class SegmentReader {
 public:
  // Begins at `place`, the place() of an earlier reader or the `end` of an earlier SegmentState.
  SegmentReader(const RecordLog& log, uint64_t sequence, uint64_t place = kSegmentHeaderBytes)
      : log_(log), sequence_(sequence), place_(std::max<uint64_t>(place, kSegmentHeaderBytes)) {}

  // The next frame of that type; its views are valid until the next call. Nullopt: there is none
  // for now; see at_end(). NotFound: the segment was removed. DataLoss: it is damaged, or the place
  // where the reader began is not that of a frame.
  absl::StatusOr<std::optional<Frame>> Next(RecordType type) { return Read(type); }
  // The same for frames of all types.
  absl::StatusOr<std::optional<Frame>> Next() { return Read(std::nullopt); }
  // Whether the segment is sealed and all of it was read.
  bool at_end() const { return at_end_; }
  // How far it has read.
  uint64_t place() const { return place_; }

 private:
  absl::StatusOr<std::optional<Frame>> Read(std::optional<RecordType> type);
  // Makes `size` bytes at place_ available.
  absl::StatusOr<std::string_view> Peek(size_t size);

  const RecordLog& log_;
  const uint64_t sequence_;
  SegmentState state_;  // as it was last asked for
  uint64_t place_;
  bool at_end_ = false;
  ByteBuffer buffer_;
  uint64_t buffer_at_ = 0;  // of the segment
};

}  // namespace millrace

#endif  // MILLRACE_RECORD_LOG_RECORD_LOG_H_
