// The output partition of a user: p1 and p2, its first characters, and their folder names.
#ifndef MILLRACE_STAYPOINTS_USER_PREFIX_H_
#define MILLRACE_STAYPOINTS_USER_PREFIX_H_

#include <string>
#include <string_view>

namespace millrace {

struct UserPrefix {
  std::string_view p1;  // characters 1 and 2 of the id; what there is of them in shorter ids
  std::string_view p2;  // characters 3 and 4

  friend bool operator==(const UserPrefix&, const UserPrefix&) = default;
};

// `id` is UTF-8; a character is a code point, as for SQL's substr(). The parts are adjacent views
// of `id`.
UserPrefix PrefixOf(std::string_view id);

// `value` as Hive writes it in folder names: "%2F" for '/', and so on for all characters in Hive's
// FileUtils.escapePathName and for NUL; "__HIVE_DEFAULT_PARTITION__" if it is empty.
std::string HiveFolderValue(std::string_view value);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_USER_PREFIX_H_
