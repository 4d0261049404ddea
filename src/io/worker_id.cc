#include "io/worker_id.h"

#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/hash.h"
#include "base/strings.h"

namespace millrace {
namespace {

// The content of /proc/<pid>/stat.
struct ProcessStat {
  std::string state;       // "R", "S", "Z" ...
  std::string start_time;  // clock ticks from boot
};

// Nullopt if it cannot be read for any reason: the process is hidden (hidepid, ProtectProc), no
// file can be opened now, there is no /proc.
std::optional<ProcessStat> StatOf(const std::string& proc, std::string_view pid) {
  std::ifstream file(StrCat(proc, "/", pid, "/stat"));
  const std::string stat((std::istreambuf_iterator<char>(file)), {});
  const size_t name_end = stat.rfind(')');  // the name may hold spaces and parentheses
  if (name_end == std::string::npos) return std::nullopt;
  const std::vector<std::string> fields =
      absl::StrSplit(stat.substr(name_end + 1), ' ', absl::SkipEmpty());
  constexpr size_t kStartTime = 22 - 3;  // the fields after the name begin with number 3
  if (fields.size() <= kStartTime) return std::nullopt;
  return ProcessStat{fields[0], fields[kStartTime]};
}

// The place that processes share if they can look each other up by pid.
struct Place {
  std::string name;
  bool certain = true;  // no other machine or container has the same name
};

Place ThisPlace() {
  char host[HOST_NAME_MAX + 1] = {};
  gethostname(host, sizeof(host) - 1);
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  char space[64] = {};
  if (readlink("/proc/self/ns/pid", space, sizeof(space) - 1) < 0) space[0] = '\0';
  return {StrCat(host, "/", boot, "/", space), !boot.empty() && space[0] != '\0'};
}

std::string HashOf(std::string_view place) { return ToHex(HashBytes(place)).substr(16); }

// A process of this place, from a worker id.
bool HasEnded(const std::string& pid, const std::string& start_time, const std::string& proc) {
  int number = 0;
  if (!absl::SimpleAtoi(pid, &number) || number <= 0) return false;
  // Signal 0 only tests. EPERM and the like: it exists, or its state is unknown.
  if (::kill(number, 0) != 0 && errno == ESRCH) return true;
  const std::optional<ProcessStat> stat = StatOf(proc, pid);
  if (!stat) return false;
  // A zombie has ended; its parent just has not waited for it. A different start time means a later
  // process with the same pid.
  return stat->state == "Z" || stat->state == "X" ||
         (!start_time.empty() && stat->start_time != start_time);
}

// True if `owner` is `prefix`, pid, `separator`, start time of a process that has ended.
bool IsGone(std::string_view owner, std::string_view prefix, char separator,
            const std::string& proc) {
  if (!owner.starts_with(prefix)) return false;
  const std::vector<std::string> process =
      absl::StrSplit(ToAbsl(owner.substr(prefix.size())), separator);
  return process.size() == 2 && HasEnded(process[0], process[1], proc);
}

std::string OwnStartTime() {
  const std::optional<ProcessStat> stat = StatOf("/proc", "self");
  return stat ? stat->start_time : "";
}

}  // namespace

std::string CurrentWorkerId() {
  return StrCat(ThisPlace().name, "/", getpid(), "/", OwnStartTime());
}

bool IsWorkerDead(std::string_view owner, const std::string& proc) {
  const Place place = ThisPlace();
  return place.certain && IsGone(owner, place.name + "/", '/', proc);
}

std::string CurrentWorkerTag() {
  return StrCat(HashOf(ThisPlace().name), ".", getpid(), ".", OwnStartTime());
}

bool IsWorkerTagDead(std::string_view word, const std::string& proc) {
  const Place place = ThisPlace();
  return place.certain && IsGone(word, HashOf(place.name) + ".", '.', proc);
}

}  // namespace millrace
