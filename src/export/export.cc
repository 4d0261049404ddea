#include "export/export.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/log.h"
#include "base/retrier.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/mixpanel/query_rate_limiter.h"
#include "export/destination_export.h"
#include "export/event_fetch.h"
#include "export/query_budget.h"
#include "export/retrieved.h"
#include "export/window_queries.h"
#include "io/temp_folder.h"

namespace millrace {
namespace {

// A query that is broken off so often is made smaller.
constexpr int kTriesOfSize = 3;

class Exporter {
 public:
  Exporter(const ExportRequest& request, const ExportParts& parts, std::stop_token stop,
           ExportProgress& progress)
      : request_(request),
        parts_(parts),
        windows_(request.windows),
        stop_(std::move(stop)),
        progress_(progress),
        sharing_runs_(static_cast<int>(parts.destinations.size())),
        budget_(parts.ledger, request.project_id, request.queries_per_hour,
                request.delivery.run.retry, parts.clock),
        limiter_(request.queries_per_hour, parts.clock),
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
    ASSIGN_OR_RETURN(folder_, TempFolder::Make(request_.state_folder, "export"));
    range_ = windows_.Readable(parts_.clock.Now());
    std::vector<std::string> windows;
    for (int64_t window : Windows()) windows.push_back(windows_.NameOf(window));
    for (const auto& one : exports_) RETURN_IF_ERROR(one->Begin(windows));
    RETURN_IF_ERROR(DeliverPending());
    return ReadAndDeliver();
  }

  std::vector<int64_t> Windows() const {
    std::vector<int64_t> windows;
    for (int64_t one = range_ ? range_->first : 0; range_ && one <= range_->last; ++one) {
      windows.push_back(one);
    }
    return windows;
  }

  // What an earlier export has fetched and not delivered comes first: the same windows may be read
  // again after that.
  absl::Status DeliverPending() {
    std::vector<DestinationExport*> begun;
    for (const auto& one : exports_) {
      if (!one->has_pending()) continue;
      RETURN_IF_ERROR(one->Start());
      begun.push_back(one.get());
    }
    for (DestinationExport* const one : begun) RETURN_IF_ERROR(one->Finish());
    return absl::OkStatus();
  }

  absl::Status ReadAndDeliver() {
    for (const auto& one : exports_) {
      if (!one->status().ok()) continue;
      RETURN_IF_ERROR(one->Start());
      begun_.push_back(one.get());
    }
    absl::Status status = ReadAll();
    for (DestinationExport* const one : begun_) status.Update(one->Finish());
    return status;
  }

  absl::Status ReadAll() {
    WindowQueries queries(request_.rows_per_query, windows_.max_windows());
    for (const int64_t window : Windows()) {
      std::optional<uint64_t> rows;
      bool is_wanted = false;
      for (DestinationExport* const one : begun_) {
        is_wanted = is_wanted || one->wants(windows_.NameOf(window));
        rows = std::max(rows, one->rows_of(windows_.NameOf(window)));
      }
      if (is_wanted) queries.Add(window, rows);
    }
    progress_.windows = queries.windows();
    while (const std::optional<WindowQueries::Query> query = queries.Take()) {
      for (DestinationExport* const one : begun_) one->AwaitTaken();
      const auto can_deliver = [](const auto* one) { return one->is_delivering(); };
      if (std::none_of(begun_.begin(), begun_.end(), can_deliver)) return absl::OkStatus();
      ASSIGN_OR_RETURN(const uint64_t rows, Read(query->windows, query->pieces));
      queries.Learn(rows / static_cast<uint64_t>(query->windows.size()));
    }
    return absl::OkStatus();
  }

  // Reads windows, a single one perhaps in pieces, and hands them to the destinations. Returns how
  // many rows they have.
  absl::StatusOr<uint64_t> Read(const WindowRange& range, int pieces) {
    const absl::Time now = parts_.clock.Now();
    ASSIGN_OR_RETURN(const std::string folder, folder_->MakeFolder(StrCat("query", folders_++)));
    const auto cleanup = [&folder] {
      std::error_code error;
      std::filesystem::remove_all(folder, error);  // or with the folder that it is in
    };
    ScratchFile hashes(folder);
    absl::StatusOr<FetchedWindows> fetched = pieces == 1
                                                 ? Fetch(range, 0, 1, folder, hashes)
                                                 : FetchPieces(range, pieces, folder, hashes);
    if (fetched.ok()) {
      const absl::StatusOr<uint64_t> rows = HandOut(*fetched, now);
      cleanup();
      return rows;
    }
    cleanup();
    if (!absl::IsAborted(fetched.status())) return fetched.status();
    if (range.size() == 1) return Read(range, std::min(pieces * 4, EventWindows::kMaxPieces));
    const int64_t middle = range.first + range.size() / 2;
    ASSIGN_OR_RETURN(const uint64_t first, Read({range.first, middle - 1}, 1));
    ASSIGN_OR_RETURN(const uint64_t second, Read({middle, range.last}, 1));
    return first + second;
  }

  absl::StatusOr<uint64_t> HandOut(FetchedWindows& fetched, absl::Time read_at) {
    uint64_t rows = 0;
    for (FetchedWindow& window : fetched.windows) {
      const std::string name = windows_.NameOf(window.window);
      rows += window.file.rows;
      NoteRetrieved(name, window.file.rows, parts_.clock.Now(), progress_);
      for (DestinationExport* const one : begun_) {
        if (!one->is_delivering() || !one->wants(name)) continue;
        RETURN_IF_ERROR(
            one->Add(name, window.file, window.hashes, windows_.Closes(window.window, read_at)));
      }
      progress_.records += window.file.rows;
    }
    for (DestinationExport* const one : begun_) RETURN_IF_ERROR(one->Settle());
    return rows;
  }

  absl::StatusOr<FetchedWindows> FetchPieces(const WindowRange& range, int pieces,
                                             const std::string& folder, ScratchFile& hashes) {
    FetchedWindows whole;
    RowHashes all(hashes);
    std::vector<WindowFile> files;
    for (int piece = 0; piece < pieces; ++piece) {
      const std::string part = StrCat(folder, "/", piece);
      ASSIGN_OR_RETURN(FetchedWindows fetched, Fetch(range, piece, pieces, part, hashes));
      whole.bytes += fetched.bytes;
      files.push_back(std::move(fetched.windows[0].file));
      RETURN_IF_ERROR(all.Append(std::move(fetched.windows[0].hashes)));
    }
    ASSIGN_OR_RETURN(WindowFile file, JoinFiles(files, folder + "/joined"));
    whole.windows.push_back({range.first, std::move(file), std::move(all)});
    return whole;
  }

  // Aborted: the query was broken off several times, and can be made smaller.
  absl::StatusOr<FetchedWindows> Fetch(const WindowRange& range, int piece, int pieces,
                                       const std::string& folder, ScratchFile& hashes) {
    int breaks = 0;
    const bool is_divisible = range.size() > 1 || pieces < EventWindows::kMaxPieces;
    for (RetryLoop tries(retrier_);;) {
      RETURN_IF_ERROR(limiter_.WaitForTurn(stop_));
      RETURN_IF_ERROR(budget_.Take(stop_));
      ++progress_.queries;
      const mixpanel::RawExportRequest query =
          windows_.RequestFor(range, piece, pieces, parts_.clock.Now());
      bool has_begun = false;
      const auto raw_export = [&](const mixpanel::RawExportRequest& request, const auto& on_line,
                                  std::stop_token stop) {
        return parts_.raw_export(
            request, [&](std::string_view line) { return has_begun = true, on_line(line); },
            std::move(stop));
      };
      absl::StatusOr<FetchedWindows> fetched =
          FetchEvents(raw_export, query, windows_, range, folder, hashes, stop_);
      if (fetched.ok()) {
        tries.Succeeded();
        progress_.bytes += fetched->bytes;
        return fetched;
      }
      if (absl::IsAborted(fetched.status()) && !is_divisible) {
        return absl::FailedPreconditionError(fetched.status().message());
      }
      if (!absl::IsUnavailable(fetched.status())) return fetched;
      const std::string why(ToStd(fetched.status().message()));
      Log(Severity::kWarning, "an export query failed and is repeated",
          {{"window", windows_.NameOf(range.first)}, {"error", why}});
      RETURN_IF_ERROR(tries.WaitToRetry(fetched.status(), absl::ZeroDuration(), stop_));
      ++report_.retries;
      breaks += has_begun;
      if (is_divisible && breaks >= kTriesOfSize) {
        return absl::AbortedError(why);
      }
    }
  }

  const ExportRequest& request_;
  const ExportParts& parts_;
  const EventWindows windows_;
  const std::stop_token stop_;
  ExportProgress& progress_;
  const std::atomic<int> sharing_runs_;
  QueryBudget budget_;
  mixpanel::QueryRateLimiter limiter_;
  Retrier retrier_;
  ExportReport report_;
  std::optional<WindowRange> range_;  // that can be read
  std::unique_ptr<TempFolder> folder_;
  int folders_ = 0;  // in it, so far
  std::vector<std::unique_ptr<DestinationExport>> exports_;
  std::vector<DestinationExport*> begun_;  // those that can deliver
};

}  // namespace

bool ExportReport::success() const {
  const auto is_delivered = [](const DestinationReport& one) { return one.delivery.success(); };
  return status.ok() && std::all_of(destinations.begin(), destinations.end(), is_delivered);
}

ExportReport ExportEvents(const ExportRequest& request, const ExportParts& parts,
                          std::stop_token stop, ExportProgress& progress) {
  return Exporter(request, parts, std::move(stop), progress).Run();
}

}  // namespace millrace
