// What ledgers on servers share.
#ifndef MILLRACE_PIPELINE_SHARED_LEDGER_H_
#define MILLRACE_PIPELINE_SHARED_LEDGER_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "pipeline/ledger.h"

namespace millrace {

// Identifies the change `kind` ("store", "release") by its content and the revision it changes. It
// is stored with the row: if a compare-and-set finds an unexpected revision, it shows whether that
// is from an earlier attempt of the same change whose response was lost.
std::string ChangeId(std::string_view kind, const LedgerEntry& entry);

// Aborted, with the message that all ledgers use.
absl::Status TakenOver(const LedgerKey& key);

// InvalidArgument if a name in `key` is not UTF-8 or contains a NUL, which `system` cannot store.
absl::Status CheckIsUtf8(const LedgerKey& key, std::string_view system);

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_SHARED_LEDGER_H_
