// The Source of one destination's records of one type: a record log, followed to its end and beyond
// it, as it grows. The records of that type in a segment are an object:
//
//   spool:<id>/<sequence>/events        0000000000000001; the rows are numbered by segment
#ifndef MILLRACE_SPOOL_LOG_SOURCE_H_
#define MILLRACE_SPOOL_LOG_SOURCE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/retrier.h"
#include "formats/text_rows.h"
#include "mapping/sources_config.h"
#include "pipeline/ledger.h"
#include "pipeline/source.h"
#include "record_log/record_log.h"

namespace millrace {

// "spool:<id>/<sequence>/events".
std::string SegmentObject(const std::string& spool_id, uint64_t sequence, RecordType type);
// The sequence; nullopt for other names.
std::optional<uint64_t> SequenceOfObject(const std::string& spool_id, std::string_view object);

struct LogSourceOptions {
  RecordType type = RecordType::kEvent;
  std::string destination;  // of the ledger key
  std::string owner;
  uint64_t first_sequence = 1;  // earlier segments are not read
  // The source ends after this segment, which must be sealed at some time.
  uint64_t last_sequence = UINT64_MAX;
  std::shared_ptr<const SourceConfig> config;  // of the records: Mixpanel's format
  // As in ObjectSourceOptions.
  std::function<absl::Status(const std::string& intent, bool owner_is_dead, std::stop_token stop)>
      resolve_intent;
  absl::Duration lease = absl::Minutes(5);
  RetryPolicy retry;  // of claims
  // Asked before a segment is begun: whether its records of the type are not to be delivered.
  std::function<bool(uint64_t sequence)> expires;
  // Called for each segment of which all records of the type are accounted for, from any thread.
  std::function<void(uint64_t sequence)> on_done;
};

// The ledger belongs to the spool, so nobody else claims its rows. The log and the ledger outlive
// the source.
class LogSource : public Source {
 public:
  LogSource(LogSourceOptions options, RecordLog& log, Ledger& ledger);
  ~LogSource() override;

  absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) override;
  bool Ready() override;
  void Ack(const LedgerEntry& object) override;
  void Release(const LedgerEntry& object, Unfinished why) override;

 private:
  // The object that is being read.
  struct Open {
    std::shared_ptr<const LedgerEntry> entry;
    uint64_t sequence = 0;
    std::unique_ptr<SegmentReader> reader;
    std::string_view left;        // of the records of the frame that is being returned
    bool left_is_mapped = false;  // Frame::is_mapped
    uint64_t rows = 0;            // returned, or before the claim's position
    bool is_shown = false;        // a chunk was returned: the run owns the claim
    absl::Status error;           // it cannot be read further
  };

  std::optional<uint64_t> Choose(const std::stop_token& stop);
  bool HasEnded();
  bool AwaitSettled(const std::stop_token& stop);
  bool HasRecords(const SegmentState& segment) const {
    return segment.counts[static_cast<size_t>(options_.type)] > 0;
  }
  absl::Status Claim(uint64_t sequence, const std::stop_token& stop);
  absl::Status TryToClaim(uint64_t sequence, const std::stop_token& stop);
  absl::Status SkipTo(uint64_t row);
  absl::Status Fill(TextRows& rows, bool& are_mapped);
  void TakeRows(TextRows& rows);
  std::unique_ptr<Chunk> MakeChunk(std::unique_ptr<TextRows> rows, bool are_mapped);
  std::unique_ptr<Chunk> EndObject(absl::Status error);
  bool IsAtEnd() const;
  bool TakeLost(const std::string& object);

  const LogSourceOptions options_;
  RecordLog& log_;
  Ledger& ledger_;
  Retrier retrier_;
  const std::shared_ptr<TextRowsPool> pool_ = std::make_shared<TextRowsPool>();
  std::unique_ptr<Open> open_;  // null between objects
  uint64_t next_;               // the first segment that was not chosen yet

  absl::Mutex mutex_;
  std::set<uint64_t> again_ ABSL_GUARDED_BY(mutex_);       // to be claimed once more
  std::set<uint64_t> unfinished_ ABSL_GUARDED_BY(mutex_);  // neither acknowledged nor released
  std::set<std::string> lost_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_SPOOL_LOG_SOURCE_H_
