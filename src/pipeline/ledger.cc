#include "pipeline/ledger.h"

namespace millrace {

Counts& Counts::operator+=(const Counts& other) {
  read += other.read;
  accepted += other.accepted;
  rejected += other.rejected;
  filtered += other.filtered;
  events += other.events;
  return *this;
}

bool MayHaveSent(const LedgerEntry& entry) {
  return entry.state == LedgerState::kDone || entry.position.row > 0 || entry.maybe_sent ||
         !entry.owner.empty() || !entry.intent.empty();
}

Ledger::Claim::Outcome Ledger::OutcomeForRival(const LedgerEntry& rival, absl::Time now) {
  const bool only_held = rival.state == LedgerState::kOpen && rival.position.row == 0 &&
                         !rival.maybe_sent && rival.intent.empty() && rival.lease_until > now;
  return only_held ? Claim::Outcome::kHeld : Claim::Outcome::kConfigChanged;
}

}  // namespace millrace
