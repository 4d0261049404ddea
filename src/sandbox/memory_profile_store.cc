#include <map>
#include <optional>

#include "absl/synchronization/mutex.h"
#include "sandbox/profile_store.h"

namespace millrace::sandbox {
namespace {

class MemoryProfileStore final : public ProfileStore {
 public:
  absl::Status Apply(absl::Span<const ProfileUpdate> updates) override {
    absl::MutexLock lock(&mutex_);
    for (const ProfileUpdate& update : updates) {
      const auto found = profiles_.find(update.key());
      std::optional<std::string> old;
      if (found != profiles_.end()) old = found->second;
      std::optional<std::string> changed = update.Apply(old);
      if (changed) {
        profiles_.insert_or_assign(update.key(), *std::move(changed));
      } else if (found != profiles_.end()) {
        profiles_.erase(found);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Read(const ProfileKey& key, const Visitor& visitor) override {
    absl::MutexLock lock(&mutex_);
    for (auto profile = profiles_.lower_bound(key); profile != profiles_.end(); ++profile) {
      const ProfileKey& at = profile->first;
      if (at.kind != key.kind || at.group_key != key.group_key) break;
      if (!visitor(at.id, profile->second)) break;
    }
    return absl::OkStatus();
  }

  uint64_t Count(ProfileKind kind) override {
    absl::MutexLock lock(&mutex_);
    uint64_t count = 0;
    for (const auto& [key, properties] : profiles_) count += key.kind == kind ? 1 : 0;
    return count;
  }

  absl::StatusOr<std::vector<std::string>> GroupKeys() override {
    absl::MutexLock lock(&mutex_);
    std::vector<std::string> keys;
    for (const auto& [key, properties] : profiles_) {
      if (key.kind != ProfileKind::kGroup) continue;
      if (keys.empty() || keys.back() != key.group_key) keys.push_back(key.group_key);
    }
    return keys;
  }

  absl::Status Clear() override {
    absl::MutexLock lock(&mutex_);
    profiles_.clear();
    return absl::OkStatus();
  }

 private:
  absl::Mutex mutex_;
  std::map<ProfileKey, std::string> profiles_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<ProfileStore> NewMemoryProfileStore() {
  return std::make_unique<MemoryProfileStore>();
}

}  // namespace millrace::sandbox
