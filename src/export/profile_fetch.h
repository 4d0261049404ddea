// Reads a snapshot of profiles, page by page, into a file.
#ifndef MILLRACE_EXPORT_PROFILE_FETCH_H_
#define MILLRACE_EXPORT_PROFILE_FETCH_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "connectors/mixpanel/engage_query.h"
#include "export/query_tries.h"
#include "export/row_hashes.h"
#include "export/window_file.h"

namespace millrace {

struct ProfileFetch {
  std::string path;       // of the file
  std::string group_key;  // empty: profiles of users
  absl::Time taken_at;    // "$time" of each row
  QueryRetrier& retrier;  // of each page
  std::function<void()> on_retry;
  std::function<void(uint64_t profiles, uint64_t bytes)> on_page;
};

// Reads all pages of `reader`, which is at its beginning, and adds the hashes of the rows to
// `hashes`. Each profile is there once, though it may move from one page to the next while they are
// read. Aborted: there are fewer profiles than Mixpanel says, or the session has ended; a new
// reader may succeed. Other errors as of the reader.
absl::StatusOr<WindowFile> FetchProfiles(mixpanel::ProfilePages& reader, const ProfileFetch& fetch,
                                         RowHashes& hashes, std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_EXPORT_PROFILE_FETCH_H_
