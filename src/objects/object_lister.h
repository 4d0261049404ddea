// Lists the objects that the inputs name, on its own thread, a little ahead of their use.
#ifndef MILLRACE_OBJECTS_OBJECT_LISTER_H_
#define MILLRACE_OBJECTS_OBJECT_LISTER_H_

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "io/object_store.h"
#include "objects/iceberg_store.h"
#include "objects/object_feed.h"
#include "stores/open_store.h"

namespace millrace {

struct ListingRules {
  bool as_files = false;  // read the files of Delta, Iceberg and Hudi tables like other files
  TableSelection tables;  // of inputs "iceberg:TABLE"
  // Called on the lister's thread with each name that is skipped as hidden; may be empty.
  std::function<void(std::string_view uri)> on_hidden;
};

// Holds at most kAhead objects, however many there are.
class ObjectLister : public ObjectFeed {
 public:
  static constexpr size_t kAhead = 1024;

  // Skips objects for which `wanted` is false; calls it on the lister's thread. The stores of the
  // objects stop with the lister. InvalidArgument if an input has no store; errors of
  // OpenStore(). The listing ends with InvalidArgument at a table, unless `rules` allow tables.
  static absl::StatusOr<std::unique_ptr<ObjectLister>> Start(
      const std::vector<std::string>& inputs, std::function<bool(const ObjectInfo&)> wanted,
      const StoreOptions& stores = {}, ListingRules rules = {});
  ~ObjectLister() override;

  // The next object, each once even if several inputs name it; nullopt at the end. If the listing
  // of an input fails (NotFound if it matches nothing), the objects of the other inputs follow, and
  // then the first error instead of the end.
  absl::StatusOr<std::optional<ListedObject>> Next(std::stop_token stop) override;
  bool Ready() override;

  // Wanted objects found so far, and their bytes; complete once done() is true.
  uint64_t objects() const { return objects_; }
  uint64_t bytes() const { return bytes_; }
  bool done() const { return done_; }
  // What Next() returns instead of the end; ok while the end is not known.
  absl::Status failure() const;

 private:
  struct Input {
    std::string pattern;
    std::shared_ptr<ObjectStore> store;
  };
  // Hashes of uris: 16 bytes per object, only if there are several inputs, which can overlap.
  using Seen = absl::flat_hash_set<std::pair<uint64_t, uint64_t>>;

  ObjectLister(std::function<bool(const ObjectInfo&)> wanted, ListingRules rules);
  void List();
  absl::Status ListInput(const Input& input, Seen& seen);
  bool Push(ListedObject object);
  bool HasRoomOrStops() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasObjectOrEnds() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::stop_source stop_;      // of the stores and of thread_
  std::vector<Input> inputs_;  // not changed once thread_ runs
  const std::function<bool(const ObjectInfo&)> wanted_;
  const ListingRules rules_;
  std::atomic<uint64_t> objects_{0};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<bool> done_{false};

  mutable absl::Mutex mutex_;
  std::deque<ListedObject> ahead_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;  // no more objects are taken
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);

  // Last: they end before the other members are destroyed.
  std::optional<std::stop_callback<std::function<void()>>> on_outer_stop_;
  std::jthread thread_;
};

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_OBJECT_LISTER_H_
