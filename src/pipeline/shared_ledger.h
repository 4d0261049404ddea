// What ledgers on servers have in common.
#ifndef MILLRACE_PIPELINE_SHARED_LEDGER_H_
#define MILLRACE_PIPELINE_SHARED_LEDGER_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "pipeline/ledger.h"

namespace millrace {

// Names the change `kind` ("store", "release") by what it makes of which revision. It is stored
// with the row: where a compare-and-set finds another revision than it expects, that shows whether
// it was an earlier try of the same change, of which no answer came.
std::string ChangeId(std::string_view kind, const LedgerEntry& entry);

// Aborted, in the words that all ledgers use.
absl::Status TakenOver(const LedgerKey& key);

// InvalidArgument if a name of `key` is not UTF-8 or holds a NUL, which `system` does not store.
absl::Status CheckIsUtf8(const LedgerKey& key, std::string_view system);

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_SHARED_LEDGER_H_
