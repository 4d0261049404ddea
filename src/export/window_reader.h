// Reads windows of events whole: repeats queries that fail, and makes those smaller that are too
// large.
#ifndef MILLRACE_EXPORT_WINDOW_READER_H_
#define MILLRACE_EXPORT_WINDOW_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "connectors/mixpanel/query_rate_limiter.h"
#include "export/event_fetch.h"
#include "export/export.h"
#include "export/query_budget.h"
#include "export/query_tries.h"
#include "io/temp_folder.h"

namespace millrace {

// One thread at a time.
class WindowReader {
 public:
  // Takes windows that were read, in their order. Their files are removed when it returns.
  // `folder` is empty, for more temporary files. An error ends the reading with it.
  using Take = std::function<absl::Status(FetchedWindows& fetched, absl::Time read_at,
                                          const std::string& folder)>;

  // All outlive this.
  WindowReader(const ExportRequest& request, const ExportParts& parts, const EventWindows& windows,
               std::stop_token stop, ExportProgress& progress);

  // Creates the folder of temporary files, and removes those of processes that were killed.
  absl::Status Open();

  // After Open(). Reads `range`, a single window perhaps in pieces, and hands it to `take`. Returns
  // how many rows there were. Unavailable: Mixpanel did not answer for as long as the policy of
  // retries says.
  absl::StatusOr<uint64_t> Read(const WindowRange& range, int pieces, const Take& take);

  uint64_t retries() const { return retries_; }

 private:
  absl::StatusOr<FetchedWindows> FetchPieces(const WindowRange& range, int pieces,
                                             const std::string& folder, ScratchFile& hashes);
  absl::StatusOr<FetchedWindows> Fetch(const WindowRange& range, int piece, int pieces,
                                       const std::string& folder, ScratchFile& hashes);

  const ExportRequest& request_;
  const ExportParts& parts_;
  const EventWindows& windows_;
  const std::stop_token stop_;
  ExportProgress& progress_;
  QueryBudget budget_;
  mixpanel::QueryRateLimiter limiter_;
  QueryRetrier retrier_;
  std::unique_ptr<TempFolder> folder_;
  int folders_ = 0;  // in it, so far
  uint64_t retries_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_EXPORT_WINDOW_READER_H_
