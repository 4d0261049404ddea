// The responses of /import with a result for each event, as Mixpanel words them.
#ifndef MILLRACE_PROXY_IMPORT_RESULTS_H_
#define MILLRACE_PROXY_IMPORT_RESULTS_H_

#include <cstddef>
#include <string_view>

#include "absl/types/span.h"
#include "net/http_server.h"
#include "proxy/enrich.h"

namespace millrace::proxy {

// 200 if `rejected` is empty, else 400 with failed_records: the others are imported then.
ServerResponse ImportResults(size_t imported, absl::Span<const RejectedRecord> rejected);

// 400 for a body that holds no records.
ServerResponse UnreadableImport(std::string_view why);

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_IMPORT_RESULTS_H_
