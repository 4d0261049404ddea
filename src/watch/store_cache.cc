#include "watch/store_cache.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace millrace::watch {
namespace {

constexpr size_t kMaxStores = 64;  // buckets of notifications; further ones are opened each time

std::string PlaceOf(std::string_view uri) {
  const size_t scheme = uri.find("://");
  if (scheme == std::string_view::npos) return "";
  return std::string(uri.substr(0, uri.find('/', scheme + 3)));
}

}  // namespace

absl::StatusOr<std::shared_ptr<ObjectStore>> StoreCache::StoreOf(std::string_view uri) {
  const std::string place = PlaceOf(uri);
  {
    absl::MutexLock lock(&mutex_);
    if (const auto found = stores_.find(place); found != stores_.end()) return found->second;
  }
  ASSIGN_OR_RETURN(std::shared_ptr<ObjectStore> store, open_(uri));
  absl::MutexLock lock(&mutex_);
  if (stores_.size() >= kMaxStores) stores_.clear();
  return stores_.try_emplace(place, std::move(store)).first->second;
}

absl::StatusOr<ListedObject> StoreCache::Find(const std::string& uri) {
  ListedObject object;
  ASSIGN_OR_RETURN(object.store, StoreOf(uri));
  ASSIGN_OR_RETURN(object.info, object.store->Find(uri));
  if (object.info.uri != uri) return absl::NotFoundError(StrCat("there is no object ", uri));
  return object;
}

}  // namespace millrace::watch
