// The Source of an import: claims the objects of a feed in the ledger, opens them, and reads them
// as chunks of rows.
#ifndef MILLRACE_OBJECTS_OBJECT_SOURCE_H_
#define MILLRACE_OBJECTS_OBJECT_SOURCE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "base/retrier.h"
#include "base/warnings.h"
#include "formats/row_reader.h"
#include "mapping/current_sources.h"
#include "mapping/sources_config.h"
#include "objects/config_change.h"
#include "objects/object_feed.h"
#include "pipeline/delivery_cursor.h"
#include "pipeline/ledger.h"
#include "pipeline/source.h"

namespace millrace {

// The payload of a chunk: rows that are not decoded yet, and how they are mapped.
struct RowsPayload : Payload {
  std::shared_ptr<const SourceConfig> config;
  std::unique_ptr<RowChunk> rows;
  size_t memory() const override { return rows->memory(); }
};

// Live numbers, readable from any thread.
struct SourceProgress {
  std::atomic<uint64_t> objects_skipped{0};  // done before
  std::atomic<uint64_t> objects_held{0};     // another worker has them, or has taken them over
  std::atomic<uint64_t> objects_config_changed{0};
  std::atomic<uint64_t> bytes_done{0};  // of objects read, skipped or held
  std::atomic<uint64_t> bytes_read{0};  // read from objects by this run

  // The object being read, and the position in it.
  struct Current {
    std::string uri;
    uint64_t bytes = 0;
    uint64_t size = 0;
  };
  Current current() const {
    absl::MutexLock lock(&mutex);
    return now;
  }
  std::vector<ConfigChange> config_changes() const {
    absl::MutexLock lock(&mutex);
    return changes.listed();
  }
  mutable absl::Mutex mutex;
  Current now ABSL_GUARDED_BY(mutex);
  ConfigChanges changes ABSL_GUARDED_BY(mutex);
};

struct ObjectSourceOptions {
  std::optional<RecordType> record_type;  // only objects of this type; nullopt: any
  std::string destination;                // of the ledger key
  std::string owner;
  bool force = false;  // import again what is done in the ledger, under any config
  // Receives the rows of other configs that `force` removed from the ledger.
  std::function<absl::Status(const LedgerKey&)> on_forgotten;
  // Finishes or withdraws the announced commit `intent`, whose worker may be known to be dead;
  // null: the destination commits nothing. Ok also if another worker holds it: the claim is tried
  // again.
  std::function<absl::Status(const std::string& intent, bool owner_is_dead, std::stop_token stop)>
      resolve_intent;
  // Of the destination, which forgets the object's rows with `force`; may be null.
  DeliveryCursor* cursor = nullptr;
  absl::Duration lease = absl::Minutes(5);
  RetryPolicy retry;  // of claims
  ChunkLimits limits;
  uint64_t max_rows_per_object = 0;  // end each object after these rows (plan samples); 0: read all
  // A store that is unavailable or rejects the credentials fails only its object, not the source.
  bool tolerate_store_errors = false;
  Warnings* warnings = nullptr;  // receives problems of the objects that are read; may be null
};

// `feed` returns objects that match `sources` at that time (an object that no longer matches when
// it is claimed is skipped as kUnmatched), and receives the outcome of each. All must outlive the
// source.
class ObjectSource : public Source {
 public:
  ObjectSource(ObjectSourceOptions options, const CurrentSources& sources, ObjectFeed& feed,
               Ledger& ledger, SourceProgress& progress);
  // Releases objects that it has claimed without returning a chunk of them.
  ~ObjectSource() override;

  absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) override;
  bool Ready() override { return open_ != nullptr || ended_ || taken_ || feed_.Ready(); }
  void Ack(const LedgerEntry& object) override;
  void Release(const LedgerEntry& object, Unfinished why) override;

 private:
  struct Open;

  // Takes one object of the feed. Sets open_ if it was claimed, ended_ if there is none, and
  // neither if there is nothing to read. While the ledger is unavailable, retries as the policy
  // says.
  absl::Status ClaimNext(std::stop_token stop);
  absl::Status TryClaim(const std::stop_token& stop);
  absl::StatusOr<Ledger::Claim> Claim(const ListedObject& object, const SourceConfig& config,
                                      const std::stop_token& stop);
  absl::StatusOr<Ledger::Claim> ClaimUnlessCovered(const ClaimRequest& request,
                                                   const std::stop_token& stop);
  void LeaveToItsConfig(const ListedObject& object, const LedgerEntry& sent,
                        const SourceConfig& config);
  void OpenClaimed(const ListedObject& object);
  absl::StatusOr<std::unique_ptr<Chunk>> EndWith(absl::Status error, const std::stop_token& stop);
  std::unique_ptr<Chunk> Last(absl::Status error);
  std::unique_ptr<Chunk> LastOfLost();
  bool TakeLost(const std::string& uri);
  void ReportPlace(uint64_t raw_bytes);

  const ObjectSourceOptions options_;
  const CurrentSources& sources_;
  ObjectFeed& feed_;
  Ledger& ledger_;
  SourceProgress& progress_;
  Retrier retrier_;
  std::optional<ListedObject> taken_;  // from the feed, and not claimed yet
  std::unique_ptr<Open> open_;         // null between objects and at the end
  bool ended_ = false;

  absl::Mutex mutex_;
  // Errors of the objects that ended early and are not acknowledged yet, by uri.
  absl::flat_hash_map<std::string, absl::Status> errors_ ABSL_GUARDED_BY(mutex_);
  // Objects that another worker took over after they were claimed here.
  absl::flat_hash_set<std::string> lost_ ABSL_GUARDED_BY(mutex_);
};

// The ledger key of `object` under `config`.
LedgerKey KeyOf(const ObjectInfo& object, const SourceConfig& config,
                const std::string& destination);

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_OBJECT_SOURCE_H_
