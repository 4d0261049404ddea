#include "export/event_fetch.h"

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/event_identity.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/mixpanel/export_time.h"
#include "connectors/mixpanel/identity_reader.h"

namespace millrace {
namespace {

// The end of EventIdentity::key if the event has no $insert_id.
constexpr std::string_view kNoInsertId = ",\"\"]";

class Fetch {
 public:
  Fetch(const EventWindows& windows, const WindowRange& range, ScratchFile& hashes)
      : windows_(windows),
        zone_(windows.options().selection.zone),
        range_(range),
        hashes_(hashes) {}

  absl::Status Begin(const std::string& folder) {
    for (int64_t window = range_.first; window <= range_.last; ++window) {
      ASSIGN_OR_RETURN(auto file, WindowFileWriter::Create(StrCat(folder, "/", window), encoder_));
      files_.push_back({std::move(file), RowHashes(hashes_)});
    }
    return absl::OkStatus();
  }

  absl::Status Add(std::string_view line) {
    result_.bytes += line.size() + 1;
    int64_t window = range_.first;  // of a line that is no event, which mapping rejects
    const bool is_event = identities_.Read(line, identity_).ok();
    if (is_event) {
      ASSIGN_OR_RETURN(window, WindowOf(line));
    }
    const bool has_id = is_event && !identity_.key.ends_with(kNoInsertId);
    File& to = files_[static_cast<size_t>(window - range_.first)];
    RETURN_IF_ERROR(to.hashes.Add({.hash = has_id ? identity_.fingerprint() : HashBytes(line),
                                   .row = to.file->rows(),
                                   .counts_each = !has_id}));
    if (is_event && zone_ != absl::UTCTimeZone()) {
      ASSIGN_OR_RETURN(line, times_.ToUtc(line, zone_));
    }
    return to.file->Append(line);
  }

  absl::StatusOr<FetchedWindows> Finish() {
    int64_t window = range_.first;
    for (File& one : files_) {
      ASSIGN_OR_RETURN(WindowFile file, one.file->Finish());
      result_.windows.push_back({window++, std::move(file), std::move(one.hashes)});
    }
    return std::move(result_);
  }

 private:
  struct File {
    std::unique_ptr<WindowFileWriter> file;
    RowHashes hashes;
  };

  absl::StatusOr<int64_t> WindowOf(std::string_view line) {
    std::optional<int64_t> processed;
    if (!windows_.IsByDate()) {
      ASSIGN_OR_RETURN(const mixpanel::ExportTimes::Times times, times_.Read(line));
      processed = times.processed_millis;
      // A script may leave it out.
      if (!processed && windows_.options().by == WindowsBy::kScript) return range_.first;
    }
    const int64_t window = windows_.WindowOf(identity_.unix_millis, processed);
    if (window >= range_.first && window <= range_.last) return window;
    return absl::OutOfRangeError(
        StrCat("Mixpanel exported an event of the window ", windows_.NameOf(window),
               " in answer to a query of ", windows_.NameOf(range_.first), " to ",
               windows_.NameOf(range_.last),
               ", so that it would be read twice: ", Shorten(identity_.key, 200)));
  }

  const EventWindows& windows_;
  const absl::TimeZone zone_;
  const WindowRange range_;
  ScratchFile& hashes_;
  ZstdEncoder encoder_{kWindowFileLevel};
  mixpanel::IdentityReader identities_;
  mixpanel::ExportTimes times_;
  EventIdentity identity_;
  std::vector<File> files_;
  FetchedWindows result_;
};

}  // namespace

absl::StatusOr<FetchedWindows> FetchEvents(const mixpanel::RawExport& raw_export,
                                           const mixpanel::RawExportRequest& request,
                                           const EventWindows& windows, const WindowRange& range,
                                           const std::string& folder, ScratchFile& hashes,
                                           std::stop_token stop) {
  Fetch fetch(windows, range, hashes);
  RETURN_IF_ERROR(fetch.Begin(folder));
  RETURN_IF_ERROR(raw_export(
      request, [&](std::string_view line) { return fetch.Add(line); }, std::move(stop)));
  return fetch.Finish();
}

}  // namespace millrace
