#include "io/owner.h"

#include <unistd.h>

#include <climits>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/hash.h"
#include "base/strings.h"

namespace millrace {
namespace {

// Field 22 of /proc/<pid>/stat: clock ticks from boot to the start of the process; "" if there is
// no such process.
std::string StartTime(std::string_view pid) {
  std::ifstream file(StrCat("/proc/", pid, "/stat"));
  const std::string stat((std::istreambuf_iterator<char>(file)), {});
  const size_t name_end = stat.rfind(')');  // the name may hold spaces and parentheses
  if (name_end == std::string::npos) return "";
  const std::vector<std::string> fields =
      absl::StrSplit(stat.substr(name_end + 1), ' ', absl::SkipEmpty());
  constexpr size_t kStartTime = 22 - 3;  // the fields behind the name begin with number 3
  // A zombie has ended; only its parent has not looked yet.
  return fields.size() > kStartTime && fields[0] != "Z" ? fields[kStartTime] : "";
}

// What a process shares with those that can look it up in /proc.
std::string Place() {
  char host[HOST_NAME_MAX + 1] = {};
  gethostname(host, sizeof(host) - 1);
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  char space[64] = {};
  if (readlink("/proc/self/ns/pid", space, sizeof(space) - 1) < 0) space[0] = '\0';
  return StrCat(host, "/", boot, "/", space);
}

std::string HashOf(std::string_view place) { return ToHex(HashBytes(place)).substr(16); }

// True if `owner` is `prefix`, pid, `separator`, start time of a process that no longer runs.
bool IsGone(std::string_view owner, std::string_view prefix, char separator) {
  if (!owner.starts_with(prefix)) return false;
  const std::vector<std::string> process =
      absl::StrSplit(ToAbsl(owner.substr(prefix.size())), separator);
  return process.size() == 2 && StartTime(process[0]) != process[1];
}

}  // namespace

std::string ThisOwner() {
  const std::string pid = std::to_string(getpid());
  return StrCat(Place(), "/", pid, "/", StartTime(pid));
}

bool OwnerIsGone(std::string_view owner) { return IsGone(owner, Place() + "/", '/'); }

std::string ThisOwnerWord() {
  const std::string pid = std::to_string(getpid());
  return StrCat(HashOf(Place()), ".", pid, ".", StartTime(pid));
}

bool OwnerWordIsGone(std::string_view word) { return IsGone(word, HashOf(Place()) + ".", '.'); }

}  // namespace millrace
