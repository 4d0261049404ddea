#include "stores/opened_stores.h"

#include "base/status.h"

namespace millrace {

absl::StatusOr<ObjectStore*> OpenedStores::For(std::string_view uri) {
  const size_t scheme = uri.find("://");
  const std::string place(scheme == uri.npos ? "" : uri.substr(0, uri.find('/', scheme + 3)));
  absl::MutexLock lock(&mutex_);
  std::unique_ptr<ObjectStore>& store = stores_[place];
  if (store == nullptr) {
    ASSIGN_OR_RETURN(store, OpenStore(uri, options_));
  }
  return store.get();
}

}  // namespace millrace
