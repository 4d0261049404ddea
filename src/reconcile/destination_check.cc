#include "reconcile/destination_check.h"

#include <utility>

#include "absl/time/civil_time.h"
#include "base/log.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr size_t kSpillMemory = 8 << 20;

absl::CivilDay CivilDayOf(int64_t day) { return absl::CivilDay(1970, 1, 1) + day; }

absl::Status AddMissing(ExpectedSet set, FingerprintSpill& missing) {
  for (const Fingerprint& one : std::move(set).TakeMissing()) {
    RETURN_IF_ERROR(missing.Add(one.object, one));
  }
  return absl::OkStatus();
}

}  // namespace

DestinationCheck::DestinationCheck(Options options, Folders folders, FingerprintSpill& ours,
                                   const absl::flat_hash_set<std::string>& names,
                                   EventReader& reader, Clock& clock)
    : options_(options),
      folders_(std::move(folders)),
      ours_(ours),
      names_(names),
      reader_(reader),
      retrier_(options.retry, clock) {}

absl::StatusOr<MatchCounts> DestinationCheck::Check(const DaySpan& span, FingerprintSpill& missing,
                                                    std::stop_token stop) {
  return span.rows <= options_.max_rows ? CheckAtOnce(span, missing, std::move(stop))
                                        : CheckInParts(span, missing, std::move(stop));
}

absl::StatusOr<MatchCounts> DestinationCheck::CheckAtOnce(const DaySpan& span,
                                                          FingerprintSpill& missing,
                                                          std::stop_token stop) {
  std::vector<Fingerprint> ours;
  ours.reserve(span.rows);
  for (int64_t day = span.first; day <= span.last; ++day) {
    RETURN_IF_ERROR(ours_.ForEach(day, [&](const Fingerprint& one) { ours.push_back(one); }));
  }
  ExpectedSet set(std::move(ours), repeats());
  const size_t unexpected = unexpected_.size();
  const size_t duplicates = duplicates_.size();
  RETURN_IF_ERROR(Fetch(
      span,
      [&] {
        set.Reset();
        unexpected_.Truncate(unexpected);
        duplicates_.Truncate(duplicates);
        return absl::OkStatus();
      },
      [&](const EventIdentity& identity) {
        List(set.Mark(identity.fingerprint()), identity.key);
        return absl::OkStatus();
      },
      std::move(stop)));
  const MatchCounts counts = set.counts();
  RETURN_IF_ERROR(AddMissing(std::move(set), missing));
  return counts;
}

absl::StatusOr<MatchCounts> DestinationCheck::CheckInParts(const DaySpan& span,
                                                           FingerprintSpill& missing,
                                                           std::stop_token stop) {
  // Hashes are evenly distributed, so the parts have about the same size; this leaves some room.
  const uint64_t parts = span.rows / (options_.max_rows - options_.max_rows / 4) + 1;
  const auto part_of = [&](const Hash128& id) { return static_cast<int64_t>(id.low % parts); };
  FingerprintSpill ours(folders_.ours, kSpillMemory);
  FingerprintSpill theirs(folders_.theirs, kSpillMemory);
  absl::Status status;
  for (int64_t day = span.first; day <= span.last; ++day) {
    RETURN_IF_ERROR(ours_.ForEach(
        day, [&](const Fingerprint& one) { status.Update(ours.Add(part_of(one.id), one)); }));
    RETURN_IF_ERROR(status);
  }
  RETURN_IF_ERROR(Fetch(
      span, [&] { return theirs.Clear(); },
      [&](const EventIdentity& identity) {
        const Hash128 id = identity.fingerprint();
        return theirs.Add(part_of(id), {.id = id});
      },
      std::move(stop)));

  MatchCounts counts;
  for (uint64_t part = 0; part < parts; ++part) {
    const int64_t key = static_cast<int64_t>(part);
    std::vector<Fingerprint> loaded;
    RETURN_IF_ERROR(ours.ForEach(key, [&](const Fingerprint& one) { loaded.push_back(one); }));
    ExpectedSet set(std::move(loaded), repeats());
    RETURN_IF_ERROR(theirs.ForEach(key, [&](const Fingerprint& one) { set.Mark(one.id); }));
    counts += set.counts();
    RETURN_IF_ERROR(AddMissing(std::move(set), missing));
  }
  RETURN_IF_ERROR(ours.Clear());
  RETURN_IF_ERROR(theirs.Clear());
  return counts;
}

absl::Status DestinationCheck::Fetch(const DaySpan& span,
                                     const std::function<absl::Status()>& begin,
                                     const EventReader::OnEvent& visit, std::stop_token stop) {
  const EventQuery query = {.first_day = span.first,
                            .last_day = span.last,
                            .names = names_,
                            .all_names = options_.all_of.has_value()};
  for (RetryLoop tries(retrier_);;) {
    RETURN_IF_ERROR(begin());
    ++requests_;
    const absl::Status status = reader_.Read(
        query,
        [&](const EventIdentity& event) {
          if (stop.stop_requested()) return absl::CancelledError("reconciling was stopped");
          return IsCompared(event) ? visit(event) : absl::OkStatus();
        },
        stop);
    if (status.ok()) {
      tries.Succeeded();
      return status;
    }
    if (!absl::IsUnavailable(status)) return status;
    Log(Severity::kWarning, "reading the destination failed and is retried",
        {{"from", absl::FormatCivilTime(CivilDayOf(span.first))},
         {"to", absl::FormatCivilTime(CivilDayOf(span.last))},
         {"error", ToStd(status.message())}});
    RETURN_IF_ERROR(tries.WaitToRetry(status, absl::ZeroDuration(), stop));
  }
}

// What is no event is not ours; it is counted and shown unchanged.
bool DestinationCheck::IsCompared(const EventIdentity& event) const {
  if (event.event.empty()) return true;
  if (const std::optional<MillisRange>& times = options_.all_of) {
    return event.unix_millis >= times->begin && event.unix_millis < times->end;
  }
  return names_.contains(event.event) && ours_.counts().contains(event.day());
}

// A day that is read again has the same events again.
void DestinationCheck::List(ExpectedSet::Match match, const std::string& key) {
  if (match == ExpectedSet::Match::kOurs) return;
  const bool is_duplicate = match == ExpectedSet::Match::kDuplicate;
  if (is_duplicate && !reader_.keeps_repeats()) return;
  KeyList& list = is_duplicate ? duplicates_ : unexpected_;
  if (list.size() < options_.max_listed) list.Add(key);
}

}  // namespace millrace
