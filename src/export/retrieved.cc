#include "export/retrieved.h"

#include "base/log.h"
#include "base/strings.h"

namespace millrace {

void NoteRetrieved(const std::string& window, uint64_t records, absl::Time now,
                   ExportProgress& progress) {
  Log(Severity::kInfo, StrCat("retrieved: ", records, " records"), {{"window", window}});
  ++progress.windows_read;
  progress.retrieved_at = absl::ToUnixSeconds(now);
}

}  // namespace millrace
