#include "export/window_reader.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "export/retrieved.h"

namespace millrace {
namespace {

// A query that is broken off so often is made smaller.
constexpr int kTriesOfSize = 3;

}  // namespace

WindowReader::WindowReader(const ExportRequest& request, const ExportParts& parts,
                           const EventWindows& windows, std::stop_token stop,
                           ExportProgress& progress)
    : request_(request),
      parts_(parts),
      windows_(windows),
      stop_(std::move(stop)),
      progress_(progress),
      budget_(parts.ledger, request.project_id, request.queries_per_hour,
              request.delivery.run.retry, parts.clock),
      limiter_(request.queries_per_hour, parts.clock),
      retrier_(request.delivery.run.retry, parts.clock) {}

absl::Status WindowReader::Open() {
  ASSIGN_OR_RETURN(folder_, TempFolder::Make(request_.state_folder, "export"));
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> WindowReader::Read(const WindowRange& range, int pieces,
                                            const Take& take) {
  const absl::Time now = parts_.clock.Now();
  ASSIGN_OR_RETURN(const std::string folder, folder_->MakeFolder(StrCat("query", folders_++)));
  const auto cleanup = [&folder] {
    std::error_code error;
    std::filesystem::remove_all(folder, error);  // or with the folder that it is in
  };
  ScratchFile hashes(folder);
  absl::StatusOr<FetchedWindows> fetched =
      pieces == 1 ? Fetch(range, 0, 1, folder, hashes) : FetchPieces(range, pieces, folder, hashes);
  if (fetched.ok()) {
    uint64_t rows = 0;
    for (const FetchedWindow& window : fetched->windows) {
      rows += window.file.rows;
      NoteRetrieved(windows_.NameOf(window.window), window.file.rows, parts_.clock.Now(),
                    progress_);
    }
    progress_.records += rows;
    const absl::Status taken = take(*fetched, now, folder);
    cleanup();
    RETURN_IF_ERROR(taken);
    return rows;
  }
  cleanup();
  if (!absl::IsAborted(fetched.status())) return fetched.status();
  if (range.size() == 1) return Read(range, std::min(pieces * 4, EventWindows::kMaxPieces), take);
  const int64_t middle = range.first + range.size() / 2;
  ASSIGN_OR_RETURN(const uint64_t first, Read({range.first, middle - 1}, 1, take));
  ASSIGN_OR_RETURN(const uint64_t second, Read({middle, range.last}, 1, take));
  return first + second;
}

absl::StatusOr<FetchedWindows> WindowReader::FetchPieces(const WindowRange& range, int pieces,
                                                         const std::string& folder,
                                                         ScratchFile& hashes) {
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
absl::StatusOr<FetchedWindows> WindowReader::Fetch(const WindowRange& range, int piece, int pieces,
                                                   const std::string& folder, ScratchFile& hashes) {
  int breaks = 0;
  const bool is_divisible = range.size() > 1 || pieces < EventWindows::kMaxPieces;
  for (QueryTries tries(retrier_);;) {
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
    RETURN_IF_ERROR(tries.WaitToRetry(fetched.status(), stop_));
    ++retries_;
    breaks += has_begun;
    if (is_divisible && breaks >= kTriesOfSize) {
      return absl::AbortedError(why);
    }
  }
}

}  // namespace millrace
