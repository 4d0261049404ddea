#include "objects/ledger_view.h"

#include <algorithm>

#include "base/hash.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

using Outcome = Ledger::Claim::Outcome;

}  // namespace

LedgerView::Row LedgerView::RowOf(const LedgerKey& key) {
  return {.place = HashBytes(StrCat(key.object, "\n", key.destination)).low,
          .version = HashBytes(key.version).low,
          .config = HashBytes(key.config).low,
          .position = {},
          .mapping_version = 0,
          .error = 0,
          .state = LedgerState::kOpen,
          .held = false,
          .covered = false,
          .as_rival = Outcome::kClaimed};
}

LedgerStanding LedgerView::StandingOf(const Row& row) const {
  return {.state = row.state == LedgerState::kDone ? LedgerStanding::State::kDone
                                                   : LedgerStanding::State::kPartlyDone,
          .position = row.position,
          .held = row.held,
          .mapping_version = row.mapping_version,
          .last_error = errors_[row.error]};
}

absl::StatusOr<LedgerView> LedgerView::Load(LedgerReader& ledger,
                                            const absl::flat_hash_set<std::string>& destinations,
                                            absl::Time now, std::stop_token stop) {
  LedgerView view;
  RETURN_IF_ERROR(ledger.ForEach(
      [&](const LedgerEntry& entry) {
        if (!destinations.contains(entry.key.destination)) return absl::OkStatus();
        Row& row = view.rows_.emplace_back(RowOf(entry.key));
        row.position = entry.position;
        row.state = entry.state;
        row.held = !entry.owner.empty() && entry.lease_until > now;
        row.covered = !entry.intent.empty();
        row.mapping_version = static_cast<uint32_t>(entry.mapping_version);
        if (MayHaveSent(entry)) row.as_rival = Ledger::OutcomeForRival(entry, now);
        if (entry.state == LedgerState::kOpen && !entry.last_error.empty()) {
          row.error = static_cast<uint32_t>(view.errors_.size());
          view.errors_.push_back(entry.last_error);
        }
        return absl::OkStatus();
      },
      std::move(stop)));
  std::sort(view.rows_.begin(), view.rows_.end(),
            [](const Row& a, const Row& b) { return a.place < b.place; });
  return view;
}

// By the same rules as Ledger::ClaimObject().
LedgerStanding LedgerView::Find(const LedgerKey& key) const {
  const Row wanted = RowOf(key);
  LedgerStanding standing;
  const Row* own = nullptr;
  auto row = std::lower_bound(rows_.begin(), rows_.end(), wanted.place,
                              [](const Row& a, uint64_t place) { return a.place < place; });
  for (; row != rows_.end() && row->place == wanted.place; ++row) {
    if (row->version == wanted.version && row->config == wanted.config) {
      own = &*row;
    } else if (row->version == wanted.version && row->as_rival != Outcome::kClaimed) {
      (row->as_rival == Outcome::kHeld ? standing.held : standing.config_changed) = true;
    } else if (row->config == wanted.config) {
      standing.object_changed = true;
    }
  }
  if (own == nullptr) return standing;
  const bool counts = own->state == LedgerState::kDone || own->position.row > 0 || own->covered;
  return counts || !standing.config_changed ? StandingOf(*own) : standing;
}

}  // namespace millrace
