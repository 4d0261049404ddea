#include "pipeline/shared_ledger.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "pipeline/intent_text.h"

namespace millrace {

std::string ChangeId(std::string_view kind, const LedgerEntry& entry) {
  const Counts& counts = entry.counts;
  return ToHex(HashBytes(StrCat(
      kind, "\n", entry.owner, "\n", entry.revision, "\n", entry.state == LedgerState::kDone, "\n",
      entry.position.row, "\n", entry.position.byte, "\n", counts.read, "\n", counts.accepted, "\n",
      counts.rejected, "\n", counts.filtered, "\n", counts.events, "\n", entry.last_error)));
}

std::string ChangeId(std::string_view kind, const Intent& intent) {
  return ToHex(HashBytes(StrCat(kind, "\n", intent.id, "\n", intent.owner, "\n", intent.revision,
                                "\n", IntentText(intent))));
}

absl::Status TakenOver(const LedgerKey& key) {
  return absl::AbortedError(StrCat(key.object, " was taken over by another worker"));
}

absl::Status TakenOver(const Intent& intent) {
  return absl::AbortedError(
      StrCat("the commit ", intent.id, " was taken over or ended by another worker"));
}

absl::Status CheckStore(const LedgerEntry& entry, const LedgerEntry& row) {
  if (row.intent.empty() || (entry.position == row.position && entry.state == row.state)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(StrCat("storing another position of ", row.key.object,
                                              " while the commit ", row.intent,
                                              " has been announced for it"));
}

Ledger::Claim ClaimUnderIntent(LedgerEntry row, std::string owner, absl::Time lease_until,
                               std::string_view claimer, absl::Time now) {
  using Outcome = Ledger::Claim::Outcome;
  Ledger::Claim claim{.entry = std::move(row)};
  claim.outcome = lease_until > now && owner != claimer ? Outcome::kHeld : Outcome::kUncommitted;
  claim.entry.owner = std::move(owner);
  claim.entry.lease_until = lease_until;
  return claim;
}

absl::Status CheckIntent(const Intent& intent) {
  const auto refuse = [&](const auto&... why) {
    return absl::InvalidArgumentError(StrCat("the commit ", intent.id, " ", why...));
  };
  const bool is_hex = std::all_of(intent.id.begin(), intent.id.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f');
  });
  if (intent.id.size() != 32 || !is_hex) return refuse("has an id that is not 32 hex digits");
  if (intent.owner.empty()) return refuse("has no owner");
  if (intent.spans.empty()) return refuse("has no objects");
  if (intent.spans.size() > kMaxIntentSpans)
    return refuse("has more than ", kMaxIntentSpans, " objects");
  if (intent.Bytes() > kMaxIntentBytes)
    return refuse("takes more than ", kMaxIntentBytes, " bytes");
  std::set<LedgerKey> keys;
  for (const IntentSpan& span : intent.spans) {
    if (span.object.destination != intent.destination) {
      return refuse("has an object of another destination: ", span.object.object);
    }
    if (!keys.insert(span.object).second)
      return refuse("has an object twice: ", span.object.object);
  }
  return absl::OkStatus();
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
