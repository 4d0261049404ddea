// What ledgers share.
#ifndef MILLRACE_PIPELINE_SHARED_LEDGER_H_
#define MILLRACE_PIPELINE_SHARED_LEDGER_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "pipeline/intents.h"
#include "pipeline/ledger.h"

namespace millrace {

// Identifies the change `kind` ("store", "release") by its content and the revision it changes. It
// is stored with the row: if a compare-and-set finds an unexpected revision, it shows whether that
// is from an earlier attempt of the same change whose response was lost.
std::string ChangeId(std::string_view kind, const LedgerEntry& entry);
// The same for a change of an intent and of its rows.
std::string ChangeId(std::string_view kind, const Intent& intent);

// Aborted, with the message that all ledgers use.
absl::Status TakenOver(const LedgerKey& key);
absl::Status TakenOver(const Intent& intent);

// FailedPrecondition if `entry` must not be stored because an intent covers `row`, which is what
// the ledger has.
absl::Status CheckStore(const LedgerEntry& entry, const LedgerEntry& row);

// The outcome of a claim by `claimer` of `row`, which an intent of `owner` covers.
Ledger::Claim ClaimUnderIntent(LedgerEntry row, std::string owner, absl::Time lease_until,
                               std::string_view claimer, absl::Time now);

// InvalidArgument if `intent` is not as pipeline/intents.h requires.
absl::Status CheckIntent(const Intent& intent);

// InvalidArgument if a name in `key` is not UTF-8 or contains a NUL, which `system` cannot store.
absl::Status CheckIsUtf8(const LedgerKey& key, std::string_view system);

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_SHARED_LEDGER_H_
