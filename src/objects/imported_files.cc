#include "objects/imported_files.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {

absl::StatusOr<ImportedFiles> ImportedFiles::Load(
    LedgerReader& ledger, const absl::flat_hash_set<std::string>& destinations,
    std::string_view table, std::stop_token stop) {
  const std::string prefix = StrCat(table, "#");
  ImportedFiles imported;
  RETURN_IF_ERROR(ledger.ForEach(
      [&](const LedgerEntry& entry) {
        if (!entry.key.object.starts_with(prefix) ||
            !destinations.contains(entry.key.destination)) {
          return absl::OkStatus();
        }
        State state = State::kUnknown;
        if (entry.state == LedgerState::kDone) {
          state = State::kDone;
        } else if (MayHaveSent(entry)) {
          state = State::kBegun;
        }
        if (state == State::kUnknown) return absl::OkStatus();
        State& known = imported.files_[HashBytes(entry.key.object)];
        known = std::max(known, state);
        return absl::OkStatus();
      },
      std::move(stop)));
  return imported;
}

ImportedFiles::State ImportedFiles::Find(std::string_view name) const {
  const auto found = files_.find(HashBytes(name));
  return found == files_.end() ? State::kUnknown : found->second;
}

}  // namespace millrace
