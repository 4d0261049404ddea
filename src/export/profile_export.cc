// ExportProfiles().
#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/log.h"
#include "base/pluralize.h"
#include "base/status.h"
#include "base/strings.h"
#include "export/destination_export.h"
#include "export/export.h"
#include "export/profile_fetch.h"
#include "export/query_budget.h"
#include "export/retrieved.h"
#include "io/temp_folder.h"

namespace millrace {
namespace {

constexpr int kMaxTries = 5;  // of a snapshot whose session ended

class ProfileExporter {
 public:
  ProfileExporter(const ExportRequest& request, const ExportParts& parts, std::stop_token stop,
                  ExportProgress& progress)
      : request_(request),
        parts_(parts),
        stop_(std::move(stop)),
        progress_(progress),
        sharing_runs_(static_cast<int>(parts.destinations.size())),
        budget_(parts.ledger, request.project_id, request.queries_per_hour,
                request.delivery.run.retry, parts.clock),
        retrier_(request.delivery.run.retry, parts.clock) {
    for (size_t i = 0; i < parts.destinations.size(); ++i) {
      exports_.push_back(std::make_unique<DestinationExport>(
          request, parts, *parts.destinations[i], sharing_runs_, progress.destinations[i], stop_));
    }
  }

  ExportReport Run() {
    const absl::Duration begin = parts_.clock.Elapsed();
    report_.status = Work();
    for (const auto& one : exports_) report_.destinations.push_back(one->TakeReport());
    exports_.clear();  // releases the claims
    report_.queries = progress_.queries;
    report_.bytes_read = progress_.bytes;
    report_.elapsed_s = absl::ToDoubleSeconds(parts_.clock.Elapsed() - begin);
    return std::move(report_);
  }

 private:
  absl::Status Work() {
    ASSIGN_OR_RETURN(const auto folder, TempFolder::Make(request_.state_folder, "export"));
    for (const auto& one : exports_) RETURN_IF_ERROR(one->Begin({}));
    // A snapshot that an earlier run has not delivered: its rows may be there in part.
    RETURN_IF_ERROR(Deliver([](const DestinationExport& one) { return one.has_pending(); }));
    ScratchFile scratch(folder->path());
    RowHashes hashes(scratch);
    const absl::Time now = parts_.clock.Now();
    const std::string name =
        absl::FormatTime("snapshot-%Y-%m-%dT%H%M%E3S", now, absl::UTCTimeZone());
    progress_.windows = 1;
    ASSIGN_OR_RETURN(const WindowFile file, Fetch(folder->path(), now, scratch, hashes));
    NoteRetrieved(name, file.rows, parts_.clock.Now(), progress_);
    const ProfileSelection& profiles = request_.profiles;
    if (file.rows == 0 && !profiles.append && !profiles.allow_empty) {
      Log(Severity::kWarning,
          "Mixpanel has no such profiles, so nothing is changed: give --allow-empty to remove "
          "those of the destination");
    }
    for (const auto& one : exports_) {
      if (!one->status().ok()) continue;
      RETURN_IF_ERROR(one->Claim(name));
      RETURN_IF_ERROR(one->Keep(name, file, hashes));
    }
    return Deliver([](const DestinationExport& one) { return one.status().ok(); });
  }

  absl::Status Deliver(const std::function<bool(const DestinationExport&)>& is_wanted) {
    std::vector<DestinationExport*> begun;
    for (const auto& one : exports_) {
      if (!is_wanted(*one)) continue;
      RETURN_IF_ERROR(one->Start());
      begun.push_back(one.get());
    }
    absl::Status status;
    for (DestinationExport* const one : begun) status.Update(one->Finish());
    return status;
  }

  absl::Status TakeQuery() {
    RETURN_IF_ERROR(budget_.Take(stop_));
    ++progress_.queries;
    return absl::OkStatus();
  }

  absl::StatusOr<WindowFile> Fetch(const std::string& folder, absl::Time taken_at,
                                   ScratchFile& scratch, RowHashes& hashes) {
    for (int tried = 1;; ++tried) {
      hashes = RowHashes(scratch);
      ASSIGN_OR_RETURN(const std::unique_ptr<mixpanel::ProfilePages> reader,
                       parts_.open_profiles([this] { return TakeQuery(); }));
      absl::StatusOr<WindowFile> file =
          FetchProfiles(*reader,
                        {.path = StrCat(folder, "/profiles-", tried),
                         .group_key = request_.profiles.group_key,
                         .taken_at = taken_at,
                         .retrier = retrier_,
                         .on_retry = [this] { ++report_.retries; },
                         .on_page =
                             [this](uint64_t profiles, uint64_t bytes) {
                               progress_.records += profiles;
                               progress_.bytes += bytes;
                             }},
                        hashes, stop_);
      if (file.ok() || !absl::IsAborted(file.status())) return file;
      if (tried == kMaxTries) return absl::UnavailableError(file.status().message());
      Log(Severity::kWarning, "the profiles are read again",
          {{"error", ToStd(file.status().message())}});
      ++report_.retries;
      scratch.Reset();
    }
  }

  const ExportRequest& request_;
  const ExportParts& parts_;
  const std::stop_token stop_;
  ExportProgress& progress_;
  const std::atomic<int> sharing_runs_;
  QueryBudget budget_;
  QueryRetrier retrier_;
  ExportReport report_;
  std::vector<std::unique_ptr<DestinationExport>> exports_;
};

}  // namespace

ExportReport ExportProfiles(const ExportRequest& request, const ExportParts& parts,
                            std::stop_token stop, ExportProgress& progress) {
  return ProfileExporter(request, parts, std::move(stop), progress).Run();
}

}  // namespace millrace
