#include "staypoints/trip_scatter.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "staypoints/trip_values.h"
#include "staypoints/worker_group.h"

namespace millrace {
namespace {

constexpr size_t kSampledFiles = 16;
constexpr size_t kSampledIds = 16 * 1024;
constexpr size_t kKeptTogether = 256;  // rejected rows

// The files one after another; several threads read the same one.
class FileQueue {
 public:
  struct OpenFile {
    OpenFile(const TripFile& file, std::unique_ptr<TripReader> reader, RejectedTrips& rejected)
        : file(file), reader(std::move(reader)), rejected(rejected) {}
    const TripFile& file;
    const std::unique_ptr<TripReader> reader;
    RejectedTrips& rejected;
  };

  FileQueue(const std::vector<TripFile>& files, RejectedTrips& rejected)
      : files_(files), rejected_(rejected) {}

  // The file to read now; null at the end. `done`: the one without remaining parts.
  absl::StatusOr<std::shared_ptr<OpenFile>> Next(const std::shared_ptr<OpenFile>& done) {
    absl::MutexLock lock(&mutex_);
    if (current_ != done) return current_;
    current_ = nullptr;
    if (next_ == files_.size()) return current_;
    const TripFile& file = files_[next_++];
    ASSIGN_OR_RETURN(auto reader, TripReader::Open(file));
    RETURN_IF_ERROR(rejected_.Begin(file));
    current_ = std::make_shared<OpenFile>(file, std::move(reader), rejected_);
    return current_;
  }

 private:
  const std::vector<TripFile>& files_;
  RejectedTrips& rejected_;
  absl::Mutex mutex_;
  std::shared_ptr<OpenFile> current_ ABSL_GUARDED_BY(mutex_);
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Stores the trips of one thread in their ranges.
class Scatterer : public TripVisitor {
 public:
  Scatterer(const IdRanges& ranges, TripStore& store, RejectedTrips& rejected,
            StaypointsProgress& progress)
      : ranges_(ranges), writer_(store), rejected_(rejected), progress_(progress) {}

  absl::Status OnTrip(const Trip& trip) override {
    // A null start sorts last, has no next start and does not count, as if the row did not exist.
    if (trip.start == kNullTime) [[unlikely]] {
      ++counts_.without_start;
      return absl::OkStatus();
    }
    return writer_.Add(ranges_.Find(trip.user_id), trip);
  }

  absl::Status OnRejected(Rejection rejection) override {
    rejections_.push_back(std::move(rejection));
    ++progress_.rejected;
    return rejections_.size() < kKeptTogether ? absl::OkStatus() : KeepRejections();
  }

  void OnRows(uint64_t rows, uint64_t deleted) override {
    counts_.rows += rows;
    counts_.deleted += deleted;
    progress_.rows += rows;
  }

  void OnColumnsByRow(const ColumnSet& columns) override {
    counts_.has_columns_by_row = true;
    counts_.columns_by_row |= columns;
  }

  void SetFile(const TripFile& file) { file_ = &file; }
  // This thread reads no more of the current file.
  absl::Status EndFile() {
    RETURN_IF_ERROR(KeepRejections());
    return rejected_.Sync(*file_);
  }
  void Finish() { writer_.Finish(); }
  const ScatterCounts& counts() const { return counts_; }

 private:
  absl::Status KeepRejections() {
    RETURN_IF_ERROR(rejected_.Add(*file_, rejections_));
    rejections_.clear();
    return absl::OkStatus();
  }

  const IdRanges& ranges_;
  TripStore::Writer writer_;
  RejectedTrips& rejected_;
  StaypointsProgress& progress_;
  ScatterCounts counts_;
  const TripFile* file_ = nullptr;
  std::vector<Rejection> rejections_;
};

// Single files without a header may lack a column that is null in all of their rows, but at least
// one of all such files must have it.
absl::Status CheckColumnsByRow(const std::vector<TripFile>& files, const ScatterCounts& counts) {
  if (!counts.has_columns_by_row) return absl::OkStatus();
  for (size_t column = 0; column < kTripColumns; ++column) {
    if (counts.columns_by_row.test(column)) continue;
    return absl::InvalidArgumentError(StrCat("no row of the JSON files has a ",
                                             (*files[0].columns)[column].name, HowToName(column)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TripSample> SampleTrips(const std::vector<TripFile>& files, size_t workers,
                                       std::stop_token stop) {
  const size_t count = std::min(files.size(), kSampledFiles);
  if (count == 0) return TripSample();
  absl::Mutex mutex;
  TripSample sample;
  uint64_t sampled_rows = 0;
  uint64_t sampled_bytes = 0;
  std::atomic<size_t> next = 0;
  RETURN_IF_ERROR(RunWorkers("look", workers, stop, [&](size_t, std::stop_token) -> absl::Status {
    for (size_t i = next++; i < count; i = next++) {
      const TripFile& file = files[(2 * i + 1) * files.size() / (2 * count)];
      ASSIGN_OR_RETURN(const auto reader, TripReader::Open(file));
      const uint64_t rows = reader->estimated_rows();
      ASSIGN_OR_RETURN(std::vector<std::string> ids, reader->SampleIds(kSampledIds / count));
      absl::MutexLock lock(&mutex);
      std::move(ids.begin(), ids.end(), std::back_inserter(sample.ids));
      sampled_rows += rows;
      sampled_bytes += file.object.size;
    }
    return absl::OkStatus();
  }));
  uint64_t bytes = 0;
  for (const TripFile& file : files) bytes += file.object.size;
  sample.about_trips =
      static_cast<uint64_t>(static_cast<double>(sampled_rows) * static_cast<double>(bytes) /
                            static_cast<double>(std::max<uint64_t>(sampled_bytes, 1)));
  return sample;
}

absl::StatusOr<ScatterCounts> ScatterTrips(const std::vector<TripFile>& files,
                                           const IdRanges& ranges, size_t workers,
                                           RejectedTrips& rejected, TripStore& store,
                                           StaypointsProgress& progress, std::stop_token stop) {
  FileQueue queue(files, rejected);
  absl::Mutex mutex;
  ScatterCounts counts;
  RETURN_IF_ERROR(
      RunWorkers("read", workers, stop, [&](size_t, std::stop_token stopped) -> absl::Status {
        Scatterer scatterer(ranges, store, rejected, progress);
        std::shared_ptr<FileQueue::OpenFile> open;
        for (;;) {
          ASSIGN_OR_RETURN(open, queue.Next(open));
          if (open == nullptr) break;
          scatterer.SetFile(open->file);
          for (;;) {
            ASSIGN_OR_RETURN(const bool more, open->reader->ReadPart(scatterer, stopped));
            if (!more) break;
          }
          RETURN_IF_ERROR(scatterer.EndFile());
        }
        scatterer.Finish();
        absl::MutexLock lock(&mutex);
        counts.rows += scatterer.counts().rows;
        counts.deleted += scatterer.counts().deleted;
        counts.without_start += scatterer.counts().without_start;
        counts.has_columns_by_row |= scatterer.counts().has_columns_by_row;
        counts.columns_by_row |= scatterer.counts().columns_by_row;
        return absl::OkStatus();
      }));
  RETURN_IF_ERROR(CheckColumnsByRow(files, counts));
  return counts;
}

}  // namespace millrace
