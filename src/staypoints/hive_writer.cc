#include "staypoints/hive_writer.h"

#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "base/strings.h"
#include "staypoints/hive_encoder.h"
#include "staypoints/range_relay.h"
#include "staypoints/user_prefix.h"

namespace millrace {
namespace {

std::string PathOf(const StaypointBlock& block) {
  return StrCat("p1=", HiveFolderValue(block.p1), "/p2=", HiveFolderValue(block.p2),
                "/data.parquet");
}

// Encoders for reuse. Thread-safe.
class EncoderPool {
 public:
  EncoderPool(ScratchFile& scratch, size_t memory) : scratch_(scratch), memory_(memory) {}

  std::unique_ptr<HiveEncoder> Take() {
    {
      absl::MutexLock lock(&mutex_);
      if (!free_.empty()) {
        auto encoder = std::move(free_.back());
        free_.pop_back();
        return encoder;
      }
    }
    return std::make_unique<HiveEncoder>(scratch_, memory_);
  }
  void Return(std::unique_ptr<HiveEncoder> encoder) {
    absl::MutexLock lock(&mutex_);
    free_.push_back(std::move(encoder));
  }

 private:
  ScratchFile& scratch_;
  const size_t memory_;
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<HiveEncoder>> free_ ABSL_GUARDED_BY(mutex_);
};

// The file of one partition that is being written.
struct OpenFile {
  std::string path;
  std::unique_ptr<ObjectWriter> to;
  std::unique_ptr<HiveEncoder> encoder;
};
using OpenFilePtr = std::unique_ptr<OpenFile>;

class HiveWriter : public StaypointWriter {
 public:
  HiveWriter(const StaypointWriterOptions& options, const IdRanges& ranges, OutputTree& tree,
             ScratchFile& scratch)
      : ranges_(ranges),
        tree_(tree),
        encoders_(scratch, options.memory / options.workers),
        relay_(ranges.count()),
        states_(ranges.count()) {}

  absl::Status Write(size_t range, const StaypointBlock& block) override {
    State& state = states_[range];
    RETURN_IF_ERROR(Receive(range));
    std::string path = PathOf(block);
    if (state.file != nullptr && state.file->path != path) RETURN_IF_ERROR(FinishFile(state.file));
    if (state.file == nullptr) {
      state.file = std::make_unique<OpenFile>();
      ASSIGN_OR_RETURN(state.file->to, tree_.Create(path));
      state.file->path = std::move(path);
      state.file->encoder = encoders_.Take();
      state.file->encoder->Begin(block, *state.file->to);
    }
    return state.file->encoder->Append(block);
  }

  absl::Status EndRange(size_t range) override {
    RETURN_IF_ERROR(Receive(range));
    State& state = states_[range];
    if (ranges_.BeginsInsidePartition(range + 1)) {
      relay_.Pass(range, std::move(state.file));
      return absl::OkStatus();
    }
    return state.file == nullptr ? absl::OkStatus() : FinishFile(state.file);
  }

  absl::Status Finish() override { return absl::OkStatus(); }
  uint64_t files() const override { return files_; }
  void Cancel() override { relay_.Cancel(); }

 private:
  struct State {
    bool has_begun = false;
    OpenFilePtr file;
  };

  // Takes over the file that the previous range left open, if their border is inside a partition.
  absl::Status Receive(size_t range) {
    State& state = states_[range];
    if (std::exchange(state.has_begun, true) || !ranges_.BeginsInsidePartition(range)) {
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(state.file, relay_.Receive(range));
    return absl::OkStatus();
  }

  absl::Status FinishFile(OpenFilePtr& file) {
    RETURN_IF_ERROR(file->encoder->Finish());
    encoders_.Return(std::move(file->encoder));
    file.reset();
    ++files_;
    return absl::OkStatus();
  }

  const IdRanges& ranges_;
  OutputTree& tree_;
  EncoderPool encoders_;
  RangeRelay<OpenFilePtr> relay_;
  std::vector<State> states_;
  std::atomic<uint64_t> files_ = 0;
};

}  // namespace

std::unique_ptr<StaypointWriter> NewHiveWriter(const StaypointWriterOptions& options,
                                               const IdRanges& ranges, OutputTree& tree,
                                               ScratchFile& scratch) {
  return std::make_unique<HiveWriter>(options, ranges, tree, scratch);
}

}  // namespace millrace
