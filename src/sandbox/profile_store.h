// Profiles of users and groups: an id and a JSON object each.
#ifndef MILLRACE_SANDBOX_PROFILE_STORE_H_
#define MILLRACE_SANDBOX_PROFILE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sandbox/profile_update.h"

namespace millrace::sandbox {

class SqliteDatabase;

// Thread-safe. Errors are those of the disk.
class ProfileStore {
 public:
  virtual ~ProfileStore() = default;

  // In order; all or none.
  virtual absl::Status Apply(absl::Span<const ProfileUpdate> updates) = 0;

  // Visits the profiles of `key`'s kind and group key, in the order of ids, from the first id that
  // is not before key.id, until the visitor returns false. The store is locked during the call.
  using Visitor = std::function<bool(std::string_view id, std::string_view properties)>;
  virtual absl::Status Read(const ProfileKey& key, const Visitor& visitor) = 0;

  virtual uint64_t Count(ProfileKind kind) = 0;
  // The group keys that have profiles, in order.
  virtual absl::StatusOr<std::vector<std::string>> GroupKeys() = 0;
  virtual absl::Status Clear() = 0;
};

std::unique_ptr<ProfileStore> NewMemoryProfileStore();
absl::StatusOr<std::unique_ptr<ProfileStore>> NewSqliteProfileStore(
    std::shared_ptr<SqliteDatabase> database);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_PROFILE_STORE_H_
