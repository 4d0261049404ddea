// Profile and group updates, as /engage and /groups accept them.
#ifndef MILLRACE_SANDBOX_PROFILE_UPDATE_H_
#define MILLRACE_SANDBOX_PROFILE_UPDATE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace millrace::sandbox {

enum class ProfileKind { kUser = 0, kGroup = 1 };

struct ProfileKey {
  ProfileKind kind = ProfileKind::kUser;
  std::string group_key;  // "company"; empty for users
  std::string id;         // $distinct_id or $group_id, numbers as text

  friend auto operator<=>(const ProfileKey&, const ProfileKey&) = default;
};

// The number that represents a group key in engage queries, as Mixpanel gives each key one; here it
// depends on the key's text only. From 1 to 2^53 - 1, exact in every JSON parser.
uint64_t DataGroupId(std::string_view group_key);

// A valid update.
class ProfileUpdate {
 public:
  // InvalidArgument in Mixpanel's words ("$distinct_id, missing or empty"): not a JSON object, no
  // $token, no id, no operation, an operation whose value has the wrong type.
  static absl::StatusOr<ProfileUpdate> Parse(std::string_view record, ProfileKind kind);

  ProfileUpdate(ProfileUpdate&&) noexcept;
  ProfileUpdate& operator=(ProfileUpdate&&) noexcept;
  ~ProfileUpdate();

  const ProfileKey& key() const { return key_; }
  // Applies the operations in the order $set, $set_once, $add, $append, $union, $remove, $unset to
  // the properties of the profile (a JSON object; nullopt: there is no profile); $delete overrides
  // all. Returns nullopt if there is no profile afterwards. All operations but $delete create a
  // profile.
  std::optional<std::string> Apply(const std::optional<std::string>& properties) const;

 private:
  struct Operations;
  explicit ProfileUpdate(std::unique_ptr<Operations> operations);

  ProfileKey key_;
  std::unique_ptr<Operations> operations_;
};

// `properties` with the named ones only (a JSON array of names; InvalidArgument if it is not one).
absl::StatusOr<std::string> SelectProperties(std::string_view properties, std::string_view names);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_PROFILE_UPDATE_H_
