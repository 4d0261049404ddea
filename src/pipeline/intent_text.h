// The parts and spans of an intent as text, as all ledgers store them. Format:
// docs/formats/ledger.md.
#ifndef MILLRACE_PIPELINE_INTENT_TEXT_H_
#define MILLRACE_PIPELINE_INTENT_TEXT_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "pipeline/intents.h"

namespace millrace {

// JSON, in UTF-8 whatever the names are. It does not have the spans' revisions and destination.
std::string IntentText(const Intent& intent);

// Sets parts and spans of `intent`, whose destination is that of the spans. Their revisions are 0.
// DataLoss, naming intent.id, if `text` is not such a text; it is not trusted.
absl::Status ParseIntentText(std::string_view text, Intent& intent);

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_INTENT_TEXT_H_
