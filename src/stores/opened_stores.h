// The stores of many uris: one for each scheme and bucket.
#ifndef MILLRACE_STORES_OPENED_STORES_H_
#define MILLRACE_STORES_OPENED_STORES_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "stores/open_store.h"

namespace millrace {

// Thread-safe.
class OpenedStores {
 public:
  explicit OpenedStores(StoreOptions options) : options_(std::move(options)) {}

  // The store of `uri`, which lives as long as this. Errors are those of OpenStore().
  absl::StatusOr<ObjectStore*> For(std::string_view uri);

 private:
  const StoreOptions options_;
  absl::Mutex mutex_;
  // By "scheme://bucket"; local paths by "".
  std::map<std::string, std::unique_ptr<ObjectStore>> stores_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_STORES_OPENED_STORES_H_
