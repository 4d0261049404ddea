#include "objects/imported_files.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {

absl::StatusOr<ImportedFiles> ImportedFiles::Load(LedgerReader& ledger, const KeyNow& key_now,
                                                  std::string_view table, std::stop_token stop) {
  const std::string prefix = StrCat(table, "#");
  ImportedFiles imported;
  RETURN_IF_ERROR(ledger.ForEach(
      [&](const LedgerEntry& entry) {
        const std::string& name = entry.key.object;
        if (!name.starts_with(prefix) || !MayHaveSent(entry)) return absl::OkStatus();
        const std::optional<LedgerKey> key = key_now(name);
        if (!key || key->destination != entry.key.destination) return absl::OkStatus();
        State state = State::kOtherConfig;
        if (key->config == entry.key.config) {
          state = entry.state == LedgerState::kDone ? State::kDone : State::kBegun;
        } else {
          imported.others_[name] = {name, entry.object_bytes, entry.key.version};
        }
        State& known = imported.files_[HashBytes(name)];
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

const ObjectInfo* ImportedFiles::FindOther(std::string_view name) const {
  if (Find(name) != State::kOtherConfig) return nullptr;
  const auto found = others_.find(name);
  return found == others_.end() ? nullptr : &found->second;
}

}  // namespace millrace
