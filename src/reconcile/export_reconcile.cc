#include "reconcile/export_reconcile.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/mixpanel/identity_reader.h"
#include "export/delivered_rows.h"
#include "export/destination_export.h"
#include "export/window_feed.h"
#include "export/window_file.h"
#include "export/window_queries.h"
#include "export/window_reader.h"

namespace millrace {
namespace {

// The identity that Mixpanel shows of an event whatever it does with its distinct_id.
EventReader::Identify NewOtherIdentity() {
  return [reader = std::make_shared<mixpanel::IdentityReader>()](
             std::string_view record, EventIdentity& event) { return reader->Read(record, event); };
}

class ExportReconciler {
 public:
  ExportReconciler(const ExportReconcileRequest& request, const ExportParts& parts,
                   EventReader& reader, std::stop_token stop, ExportProgress& progress)
      : request_(request),
        parts_(parts),
        events_(reader),
        stop_(std::move(stop)),
        progress_(progress),
        windows_(request.exported.windows),
        reader_(request.exported, parts, windows_, stop_, progress),
        export_(request.exported, parts, *parts.destinations[0], sharing_runs_,
                progress.destinations[0], stop_) {}

  ExportReconcileReport Run() {
    const absl::Duration begin = parts_.clock.Elapsed();
    ReconcileReport& result = report_.result;
    result.keeps_repeats = events_.keeps_repeats();
    result.status.Update(Work());
    result.elapsed_s = absl::ToDoubleSeconds(parts_.clock.Elapsed() - begin);
    report_.queries = progress_.queries;
    report_.retries = reader_.retries();
    return std::move(report_);
  }

 private:
  absl::Status Work() {
    RETURN_IF_ERROR(reader_.Open());
    const std::optional<WindowRange> range = windows_.Readable(parts_.clock.Now());
    if (!range) return absl::OkStatus();
    std::vector<std::string> names;
    for (int64_t window = range->first; window <= range->last; ++window) {
      names.push_back(windows_.NameOf(window));
    }
    RETURN_IF_ERROR(export_.Begin(names));
    RETURN_IF_ERROR(Deliver());
    WindowQueries queries(request_.exported.rows_per_query, windows_.max_windows());
    for (int64_t window = range->first; window <= range->last; ++window) {
      queries.Add(window, export_.rows_of(windows_.NameOf(window)));
    }
    progress_.windows = queries.windows();
    while (const std::optional<WindowQueries::Query> query = queries.Take()) {
      ASSIGN_OR_RETURN(const uint64_t rows,
                       reader_.Read(query->windows, query->pieces,
                                    [this](FetchedWindows& fetched, absl::Time read_at,
                                           const std::string& folder) {
                                      return CompareAll(fetched, read_at, folder);
                                    }));
      queries.Learn(rows / static_cast<uint64_t>(query->windows.size()));
    }
    return absl::OkStatus();
  }

  // Delivers what is pending.
  absl::Status Deliver() {
    if (!export_.has_pending()) return absl::OkStatus();
    RETURN_IF_ERROR(export_.Start());
    RETURN_IF_ERROR(export_.Finish());
    return export_.status();
  }

  // A day that may be replaced is compared by itself, so that no other day is replaced with it.
  absl::Status CompareAll(FetchedWindows& fetched, absl::Time read_at, const std::string& folder) {
    const absl::Span<FetchedWindow> all = absl::MakeSpan(fetched.windows);
    if (!request_.replace) return Compare(all, read_at, folder);
    for (size_t i = 0; i < all.size(); ++i) {
      RETURN_IF_ERROR(Compare(all.subspan(i, 1), read_at, folder));
    }
    return absl::OkStatus();
  }

  absl::Status Compare(absl::Span<FetchedWindow> windows, absl::Time read_at,
                       const std::string& folder) {
    std::vector<WindowFile> files;  // repeats once
    for (FetchedWindow& window : windows) {
      ASSIGN_OR_RETURN(WindowFile file, WithoutRepeats(window, folder));
      files.push_back(std::move(file));
    }
    ReconcileRequest request = {.import = request_.exported.delivery,
                                .destination = parts_.destinations[0].get(),
                                .temp_parent = folder,
                                .max_listed = request_.max_listed,
                                .wait = request_.wait,
                                .wait_after_repair = request_.wait_after_repair,
                                .max_rows_in_memory = request_.max_rows_in_memory};
    ASSIGN_OR_RETURN(const auto first, windows_.TimesOf(windows_.NameOf(windows.front().window)));
    ASSIGN_OR_RETURN(const auto last, windows_.TimesOf(windows_.NameOf(windows.back().window)));
    request.all_of = {absl::ToUnixMillis(first.first), absl::ToUnixMillis(last.second)};
    ReconcileParts parts = {
        .ledger = parts_.ledger,
        .dead_letter = parts_.dead_letter,
        .read_dead = [](const LedgerKey&, const EventReader::Identify&) { return DeadRows(); },
        .reader = events_,
        .clock = parts_.clock,
        .find_objects = [&] { return ObjectsOf(windows, files); },
        .other_identity = NewOtherIdentity()};
    if (request_.repair || request_.replace) {
      parts.repair = [&](const MatchCounts& counts, FingerprintSpill& missing) {
        return Repair(windows, files, counts, missing, read_at, folder);
      };
    }
    const ReconcileReport report = Reconcile(request, parts, stop_);
    report_.result.Add(report, request_.max_listed);
    return report.status;
  }

  absl::StatusOr<WindowFile> WithoutRepeats(FetchedWindow& window, const std::string& folder) {
    const std::string path = StrCat(folder, "/once-", window.window);
    ASSIGN_OR_RETURN(const NewRows rows, MergeDelivered("", window.hashes, path + ".hashes"));
    ASSIGN_OR_RETURN(std::string version, CopyRows(window.file.path, rows.is_new, path));
    return WindowFile{.path = path, .version = std::move(version), .rows = rows.count};
  }

  absl::StatusOr<ConfirmedObjects> ObjectsOf(absl::Span<FetchedWindow> windows,
                                             const std::vector<WindowFile>& files) {
    ConfirmedObjects found;
    for (size_t i = 0; i < files.size(); ++i) {
      const std::string name = export_.ObjectOf(windows_.NameOf(windows[i].window));
      ASSIGN_OR_RETURN(ListedObject object, ListWindowFile(name, files[i].version, files[i].path));
      std::shared_ptr<const SourceConfig> config = request_.exported.delivery.sources.Match(name);
      LedgerKey key =
          KeyOf(object.info, *config, parts_.destinations[0]->LedgerName(RecordType::kEvent));
      found.objects.push_back({std::move(object), std::move(config), std::move(key),
                               ConfirmedObject::kAllRows, /*other_mapping=*/false});
    }
    return found;
  }

  absl::StatusOr<std::optional<uint64_t>> Repair(absl::Span<FetchedWindow> windows,
                                                 const std::vector<WindowFile>& files,
                                                 const MatchCounts& counts,
                                                 FingerprintSpill& missing, absl::Time read_at,
                                                 const std::string& folder) {
    const bool has_surplus =
        counts.duplicates > 0 || (counts.unexpected > 0 && !request_.ignore_unexpected);
    if (counts.missing() == 0 && !(request_.replace && has_surplus)) return std::nullopt;
    const uint64_t rejected = progress_.destinations[0].run.rows_rejected;
    if (request_.replace) {
      FetchedWindow& window = windows.front();
      ++report_.windows_replaced;
      RETURN_IF_ERROR(export_.KeepReplacement(windows_.NameOf(window.window), window.file,
                                              window.hashes,
                                              windows_.Closes(window.window, read_at)));
    } else {
      RETURN_IF_ERROR(KeepMissing(windows, files, missing, read_at, folder));
    }
    RETURN_IF_ERROR(Deliver());
    return progress_.destinations[0].run.rows_rejected - rejected;
  }

  absl::Status KeepMissing(absl::Span<FetchedWindow> windows, const std::vector<WindowFile>& files,
                           FingerprintSpill& missing, absl::Time read_at,
                           const std::string& folder) {
    for (const auto& [number, count] : missing.counts()) {
      const size_t i = static_cast<size_t>(number);
      std::vector<bool> is_missing(files[i].rows);
      RETURN_IF_ERROR(
          missing.ForEach(number, [&](const Fingerprint& one) { is_missing[one.row] = true; }));
      WindowFile rows{
          .path = StrCat(folder, "/missing-", windows[i].window),
          .rows = static_cast<uint64_t>(std::count(is_missing.begin(), is_missing.end(), true))};
      ASSIGN_OR_RETURN(rows.version, CopyRows(files[i].path, is_missing, rows.path));
      RETURN_IF_ERROR(export_.KeepMissing(windows_.NameOf(windows[i].window), rows,
                                          windows[i].hashes,
                                          windows_.Closes(windows[i].window, read_at)));
    }
    return absl::OkStatus();
  }

  const ExportReconcileRequest& request_;
  const ExportParts& parts_;
  EventReader& events_;
  const std::stop_token stop_;
  ExportProgress& progress_;
  const EventWindows windows_;
  const std::atomic<int> sharing_runs_ = 1;
  WindowReader reader_;
  DestinationExport export_;
  ExportReconcileReport report_;
};

}  // namespace

ExportReconcileReport ReconcileExport(const ExportReconcileRequest& request,
                                      const ExportParts& parts, EventReader& reader,
                                      std::stop_token stop, ExportProgress& progress) {
  return ExportReconciler(request, parts, reader, std::move(stop), progress).Run();
}

}  // namespace millrace
