#include "export/export.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/log.h"
#include "base/retrier.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/mixpanel/query_rate_limiter.h"
#include "export/day_queries.h"
#include "export/destination_export.h"
#include "export/query_budget.h"
#include "io/temp_folder.h"

namespace millrace {
namespace {

constexpr absl::Duration kClockError = absl::Minutes(5);

std::string NameOf(absl::CivilDay day) { return absl::FormatCivilTime(day); }

class Exporter {
 public:
  Exporter(const ExportRequest& request, const ExportParts& parts, std::stop_token stop,
           ExportProgress& progress)
      : request_(request),
        parts_(parts),
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
    std::vector<std::string> windows;
    for (absl::CivilDay day = request_.since; day < End(); ++day) windows.push_back(NameOf(day));
    for (const auto& one : exports_) RETURN_IF_ERROR(one->Begin(windows));
    RETURN_IF_ERROR(DeliverPending());
    return ReadAndDeliver();
  }

  // The day after the last one that can be read: Mixpanel refuses days that have not begun, by its
  // own clock.
  absl::CivilDay End() const {
    const absl::Time now = parts_.clock.Now() - kClockError;
    return std::min(request_.until, absl::ToCivilDay(now, request_.selection.zone) + 1);
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
    DayQueries days(request_.rows_per_query);
    for (absl::CivilDay day = request_.since; day < End(); ++day) {
      std::optional<uint64_t> rows;
      bool is_wanted = false;
      for (DestinationExport* const one : begun_) {
        is_wanted = is_wanted || one->wants(NameOf(day));
        rows = std::max(rows, one->rows_of(NameOf(day)));
      }
      if (is_wanted) days.Add(day, rows);
    }
    progress_.windows = days.days();
    while (const std::optional<DayQuery> query = days.Take()) {
      for (DestinationExport* const one : begun_) one->AwaitTaken();
      const auto can_deliver = [](const auto* one) { return one->is_delivering(); };
      if (std::none_of(begun_.begin(), begun_.end(), can_deliver)) return absl::OkStatus();
      ASSIGN_OR_RETURN(const uint64_t rows, Read(*query));
      days.Learn(rows / static_cast<uint64_t>(query->last - query->first + 1));
    }
    return absl::OkStatus();
  }

  // Reads the days of a query and hands them to the destinations. Returns how many rows they have.
  absl::StatusOr<uint64_t> Read(const DayQuery& query) {
    const absl::Time now = parts_.clock.Now();
    ASSIGN_OR_RETURN(const std::string folder,
                     folder_->MakeFolder(StrCat("query", progress_.queries.load())));
    ScratchFile hashes(folder);
    ASSIGN_OR_RETURN(FetchedDays fetched, Fetch(query, folder, hashes));
    uint64_t rows = 0;
    for (FetchedDay& day : fetched.days) {
      rows += day.file.rows;
      const absl::Time end = absl::FromCivil(day.day + 1, request_.selection.zone);
      const bool closes = now >= end + request_.late;
      Log(Severity::kInfo, StrCat("retrieved: ", day.file.rows, " records"),
          {{"window", NameOf(day.day)}});
      for (DestinationExport* const one : begun_) {
        if (!one->is_delivering() || !one->wants(NameOf(day.day))) continue;
        RETURN_IF_ERROR(one->Add(NameOf(day.day), day.file, day.hashes, closes));
      }
      ++progress_.windows_read;
      progress_.records += day.file.rows;
    }
    std::error_code error;
    std::filesystem::remove_all(folder, error);  // or with the folder that it is in
    for (DestinationExport* const one : begun_) RETURN_IF_ERROR(one->Settle());
    return rows;
  }

  absl::StatusOr<FetchedDays> Fetch(const DayQuery& query, const std::string& folder,
                                    ScratchFile& hashes) {
    for (RetryLoop tries(retrier_);;) {
      RETURN_IF_ERROR(limiter_.WaitForTurn(stop_));
      RETURN_IF_ERROR(budget_.Take(stop_));
      ++progress_.queries;
      absl::StatusOr<FetchedDays> fetched =
          FetchEvents(parts_.raw_export, request_.selection, query, folder, hashes, stop_);
      if (fetched.ok()) {
        tries.Succeeded();
        progress_.bytes += fetched->bytes;
        return fetched;
      }
      if (!absl::IsUnavailable(fetched.status())) return fetched;
      Log(Severity::kWarning, "the export of a window failed and is read again",
          {{"window", NameOf(query.first)}, {"error", ToStd(fetched.status().message())}});
      RETURN_IF_ERROR(tries.WaitToRetry(fetched.status(), absl::ZeroDuration(), stop_));
      ++report_.retries;
      hashes.Reset();
    }
  }

  const ExportRequest& request_;
  const ExportParts& parts_;
  const std::stop_token stop_;
  ExportProgress& progress_;
  const std::atomic<int> sharing_runs_;
  QueryBudget budget_;
  mixpanel::QueryRateLimiter limiter_;
  Retrier retrier_;
  ExportReport report_;
  std::unique_ptr<TempFolder> folder_;
  std::vector<std::unique_ptr<DestinationExport>> exports_;
  std::vector<DestinationExport*> begun_;  // those that can deliver
};

}  // namespace

bool ExportReport::success() const {
  const auto is_delivered = [](const DestinationReport& one) { return one.delivery.success(); };
  return status.ok() && std::all_of(destinations.begin(), destinations.end(), is_delivered);
}

ExportReport Export(const ExportRequest& request, const ExportParts& parts, std::stop_token stop,
                    ExportProgress& progress) {
  return Exporter(request, parts, std::move(stop), progress).Run();
}

}  // namespace millrace
