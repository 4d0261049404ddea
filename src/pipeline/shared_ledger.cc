#include "pipeline/shared_ledger.h"

#include "base/hash.h"
#include "base/strings.h"
#include "base/utf8.h"

namespace millrace {

std::string ChangeId(std::string_view kind, const LedgerEntry& entry) {
  const Counts& counts = entry.counts;
  return ToHex(HashBytes(StrCat(
      kind, "\n", entry.owner, "\n", entry.revision, "\n", entry.state == LedgerState::kDone, "\n",
      entry.position.row, "\n", entry.position.byte, "\n", counts.read, "\n", counts.accepted, "\n",
      counts.rejected, "\n", counts.filtered, "\n", counts.events, "\n", entry.last_error)));
}

absl::Status TakenOver(const LedgerKey& key) {
  return absl::AbortedError(StrCat(key.object, " was taken over by another worker"));
}

absl::Status CheckIsUtf8(const LedgerKey& key, std::string_view system) {
  for (const std::string* part : {&key.object, &key.version, &key.config, &key.destination}) {
    const std::string valid = ToValidUtf8(*part);
    if (valid == *part) continue;
    return absl::InvalidArgumentError(
        StrCat("the name ", valid, " is not UTF-8, which a ledger in ", system, " needs"));
  }
  return absl::OkStatus();
}

}  // namespace millrace
