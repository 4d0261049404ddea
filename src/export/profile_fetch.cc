#include "export/profile_fetch.h"

#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "pipeline/retry_unavailable.h"

namespace millrace {
namespace {

// As Mixpanel exports profiles, and with the group key, which it leaves out.
void WriteRow(const mixpanel::Profile& profile, const ProfileFetch& fetch, std::string& row) {
  row = "{\"$distinct_id\":";
  AppendJsonString(row, profile.distinct_id);
  const std::string& key = profile.group_key.empty() ? fetch.group_key : profile.group_key;
  if (!key.empty()) {
    row += ",\"$group_key\":";
    AppendJsonString(row, key);
  }
  StrAppend(&row, ",\"$time\":", absl::ToUnixMillis(fetch.taken_at),
            ",\"$properties\":", profile.properties, "}");
}

}  // namespace

absl::StatusOr<WindowFile> FetchProfiles(mixpanel::ProfilePages& reader, const ProfileFetch& fetch,
                                         RowHashes& hashes, std::stop_token stop) {
  ZstdEncoder encoder(kWindowFileLevel);
  ASSIGN_OR_RETURN(const std::unique_ptr<WindowFileWriter> file,
                   WindowFileWriter::Create(fetch.path, encoder));
  std::string row;
  for (bool is_first = true;; is_first = false) {
    for (QueryTries tries(fetch.retrier);;) {
      absl::StatusOr<std::vector<mixpanel::Profile>> page = reader.Next(stop);
      if (!page.ok() && absl::IsUnavailable(page.status())) {
        RETURN_IF_ERROR(tries.WaitToRetry(page.status(), stop));
        fetch.on_retry();
        continue;
      }
      // Mixpanel does not know the session any more.
      if (absl::IsInvalidArgument(page.status()) && !is_first) {
        return absl::AbortedError(page.status().message());
      }
      RETURN_IF_ERROR(page.status());
      tries.Succeeded();
      if (page->empty()) {
        if (file->rows() >= reader.total()) return file->Finish();
        return absl::AbortedError(
            StrCat("Mixpanel returned ", file->rows(), " of ", reader.total(), " profiles"));
      }
      uint64_t bytes = 0;
      for (const mixpanel::Profile& profile : *page) {
        WriteRow(profile, fetch, row);
        bytes += row.size() + 1;
        RETURN_IF_ERROR(hashes.Add(
            {.hash = HashBytes(profile.group_key + profile.distinct_id), .row = file->rows()}));
        RETURN_IF_ERROR(file->Append(row));
      }
      fetch.on_page(page->size(), bytes);
      break;
    }
  }
}

}  // namespace millrace
