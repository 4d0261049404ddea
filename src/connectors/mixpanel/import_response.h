// What a response of Mixpanel's ingestion means for the rows of the request. Pure: no network.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_IMPORT_RESPONSE_H_
#define MILLRACE_CONNECTORS_MIXPANEL_IMPORT_RESPONSE_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "pipeline/sink.h"

namespace millrace::mixpanel {

struct ImportOutcome {
  enum class Kind {
    kDurable,   // every row is stored except `refused`, which never will be
    kRefused,   // no row is stored, because at least one is bad; it is not named
    kUnclear,   // some rows are bad, but the response contradicts itself
    kTooLarge,  // nothing is stored: send less at once
    kRetry,     // the outcome is unknown: send again
    kStop,      // nothing is stored, and sending again will not help
  };
  Kind kind = Kind::kRetry;
  std::vector<RefusedRow> refused;  // kDurable: ascending, counted from the request's first row
  absl::Status why;                 // of all others; its text is safe to show
  size_t named_limit = 0;           // kTooLarge: the limit in bytes, if the response named it
  bool throttled = false;           // kRetry: the server asks for a lower rate
  absl::Duration retry_after = absl::ZeroDuration();  // kRetry
};

// Of POST /import?strict=1 with `rows` events. Accepts only what is certain: kDurable only if the
// count of stored events and the named ones add up to `rows`.
ImportOutcome ClassifyImportResponse(int http_status, std::string_view body, size_t rows);

// Of POST /engage or /groups with `verbose=1&strict=1` and `rows` updates. These also respond 200
// to errors; the body decides.
ImportOutcome ClassifyProfileResponse(int http_status, std::string_view body, size_t rows);

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_IMPORT_RESPONSE_H_
