#include "export/event_fetch.h"

#include <memory>
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

constexpr absl::CivilDay kEpoch(1970, 1, 1);

// The end of EventIdentity::key if the event has no $insert_id.
constexpr std::string_view kNoInsertId = ",\"\"]";

class Fetch {
 public:
  Fetch(const EventSelection& selection, const DayQuery& query, ScratchFile& hashes)
      : selection_(selection), query_(query), hashes_(hashes) {}

  absl::Status Begin(const std::string& folder) {
    for (absl::CivilDay day = query_.first; day <= query_.last; ++day) {
      ASSIGN_OR_RETURN(auto file, WindowFileWriter::Create(
                                      StrCat(folder, "/", absl::FormatCivilTime(day)), encoder_));
      days_.push_back({std::move(file), RowHashes(hashes_)});
    }
    return absl::OkStatus();
  }

  absl::Status Add(std::string_view line) {
    result_.bytes += line.size() + 1;
    absl::CivilDay day = query_.first;  // of a line that is no event, which mapping rejects
    const bool is_event = identities_.Read(line, identity_).ok();
    if (is_event) {
      day = kEpoch + identity_.day();
      if (day < query_.first || day > query_.last) return OutOfRange(day);
    }
    const bool has_id = is_event && !identity_.key.ends_with(kNoInsertId);
    Day& to = days_[static_cast<size_t>(day - query_.first)];
    RETURN_IF_ERROR(to.hashes.Add({.hash = has_id ? identity_.fingerprint() : HashBytes(line),
                                   .row = to.file->rows(),
                                   .counts_each = !has_id}));
    if (is_event && selection_.zone != absl::UTCTimeZone()) {
      ASSIGN_OR_RETURN(line, times_.ToUtc(line, selection_.zone));
    }
    return to.file->Append(line);
  }

  absl::StatusOr<FetchedDays> Finish() {
    absl::CivilDay day = query_.first;
    for (Day& one : days_) {
      ASSIGN_OR_RETURN(WindowFile file, one.file->Finish());
      result_.days.push_back({day++, std::move(file), std::move(one.hashes)});
    }
    return std::move(result_);
  }

 private:
  struct Day {
    std::unique_ptr<WindowFileWriter> file;
    RowHashes hashes;
  };

  absl::Status OutOfRange(absl::CivilDay day) const {
    return absl::OutOfRangeError(
        StrCat("Mixpanel exported an event of ", absl::FormatCivilTime(day), " in the days ",
               absl::FormatCivilTime(query_.first), " to ", absl::FormatCivilTime(query_.last),
               ", in which it would be read again: ", Shorten(identity_.key, 200)));
  }

  const EventSelection& selection_;
  const DayQuery query_;
  ScratchFile& hashes_;
  ZstdEncoder encoder_{kWindowFileLevel};
  mixpanel::IdentityReader identities_;
  mixpanel::ExportTimes times_;
  EventIdentity identity_;
  std::vector<Day> days_;
  FetchedDays result_;
};

}  // namespace

absl::StatusOr<FetchedDays> FetchEvents(const mixpanel::RawExport& raw_export,
                                        const EventSelection& selection, const DayQuery& query,
                                        const std::string& folder, ScratchFile& hashes,
                                        std::stop_token stop) {
  Fetch fetch(selection, query, hashes);
  RETURN_IF_ERROR(fetch.Begin(folder));
  const mixpanel::RawExportRequest request = {.from = query.first,
                                              .to = query.last,
                                              .events = selection.events,
                                              .where = selection.where,
                                              .time_in_ms = true};
  RETURN_IF_ERROR(raw_export(
      request, [&](std::string_view line) { return fetch.Add(line); }, std::move(stop)));
  return fetch.Finish();
}

}  // namespace millrace
