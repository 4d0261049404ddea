#include "export/export.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "export/destination_export.h"
#include "export/window_queries.h"
#include "export/window_reader.h"

namespace millrace {
namespace {

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
        reader_(request, parts, windows_, stop_, progress) {
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
    report_.retries = reader_.retries();
    report_.bytes_read = progress_.bytes;
    report_.elapsed_s = absl::ToDoubleSeconds(parts_.clock.Elapsed() - begin);
    return std::move(report_);
  }

 private:
  absl::Status Work() {
    RETURN_IF_ERROR(reader_.Open());
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

  // Delivers what is fetched and not delivered yet. That of an earlier export comes first: the same
  // windows may be read again after that.
  absl::Status DeliverPending() {
    std::vector<DestinationExport*> begun;
    for (const auto& one : exports_) {
      if (!one->has_pending() || !one->status().ok()) continue;
      RETURN_IF_ERROR(one->Start());
      begun.push_back(one.get());
    }
    for (DestinationExport* const one : begun) RETURN_IF_ERROR(one->Finish());
    return absl::OkStatus();
  }

  absl::Status ReadAndDeliver() {
    for (const auto& one : exports_) {
      if (!one->status().ok()) continue;
      if (!request_.replace) RETURN_IF_ERROR(one->Start());
      begun_.push_back(one.get());
    }
    absl::Status status = ReadAll();
    if (request_.replace) return status;
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
      if (!request_.replace) {
        for (DestinationExport* const one : begun_) one->AwaitTaken();
      }
      const auto can_deliver = [this](const auto* one) { return CanDeliver(*one); };
      if (std::none_of(begun_.begin(), begun_.end(), can_deliver)) return absl::OkStatus();
      ASSIGN_OR_RETURN(
          const uint64_t rows,
          reader_.Read(query->windows, query->pieces,
                       [this](FetchedWindows& fetched, absl::Time read_at, const std::string&) {
                         return HandOut(fetched, read_at);
                       }));
      queries.Learn(rows / static_cast<uint64_t>(query->windows.size()));
    }
    return absl::OkStatus();
  }

  absl::Status HandOut(FetchedWindows& fetched, absl::Time read_at) {
    for (FetchedWindow& window : fetched.windows) {
      const std::string name = windows_.NameOf(window.window);
      for (DestinationExport* const one : begun_) {
        if (!CanDeliver(*one) || !one->wants(name)) continue;
        const bool closes = windows_.Closes(window.window, read_at);
        RETURN_IF_ERROR(request_.replace
                            ? one->KeepReplacement(name, window.file, window.hashes, closes)
                            : one->Add(name, window.file, window.hashes, closes));
      }
    }
    if (request_.replace) return DeliverPending();
    for (DestinationExport* const one : begun_) RETURN_IF_ERROR(one->Settle());
    return absl::OkStatus();
  }

  // A replacement is delivered when its query has been read.
  bool CanDeliver(const DestinationExport& one) const {
    return request_.replace ? one.status().ok() : one.is_delivering();
  }

  const ExportRequest& request_;
  const ExportParts& parts_;
  const EventWindows windows_;
  const std::stop_token stop_;
  ExportProgress& progress_;
  const std::atomic<int> sharing_runs_;
  WindowReader reader_;
  ExportReport report_;
  std::optional<WindowRange> range_;  // that can be read
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
