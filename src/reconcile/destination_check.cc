#include "reconcile/destination_check.h"

#include <algorithm>
#include <utility>

#include "base/json_writer.h"
#include "base/log.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/url.h"

namespace millrace {
namespace {

// Names are part of the request line, which many servers and proxies limit to 8,000 bytes; 1,000
// are reserved for the rest of it.
constexpr size_t kMaxEncodedNames = 7'000;
constexpr size_t kSpillMemory = 8 << 20;

absl::CivilDay CivilDayOf(int64_t day) { return absl::CivilDay(1970, 1, 1) + day; }

// The bytes that `name` takes in the URL, as an element of a JSON list.
size_t EncodedBytes(std::string_view name) {
  std::string json;
  AppendJsonString(json, name);
  json += ',';
  return UrlEncode(json).size();
}

// The names to request; empty (all) if there are too many for a URL.
std::vector<std::string> NamesToAskFor(const absl::flat_hash_set<std::string>& names) {
  // Mixpanel renames the events of ids that have too many events.
  std::vector<std::string> asked = {"$hotshard_events"};
  size_t bytes = EncodedBytes(asked.front());
  for (const std::string& name : names) {
    asked.push_back(name);
    bytes += EncodedBytes(name);
    if (bytes > kMaxEncodedNames) return {};
  }
  std::sort(asked.begin(), asked.end());
  return asked;
}

absl::Status AddMissing(ExpectedSet set, FingerprintSpill& missing) {
  for (const Fingerprint& one : std::move(set).TakeMissing()) {
    RETURN_IF_ERROR(missing.Add(one.object, one));
  }
  return absl::OkStatus();
}

}  // namespace

DestinationCheck::DestinationCheck(Options options, Folders folders, FingerprintSpill& ours,
                                   const absl::flat_hash_set<std::string>& names,
                                   mixpanel::RawExport raw_export, Clock& clock)
    : options_(options),
      folders_(std::move(folders)),
      ours_(ours),
      names_(names),
      raw_export_(std::move(raw_export)),
      clock_(clock),
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
  ExpectedSet set(std::move(ours));
  const size_t listed = unexpected_.size();
  RETURN_IF_ERROR(Fetch(
      span,
      [&] {
        set.Reset();
        unexpected_.resize(listed);
        return absl::OkStatus();
      },
      [&](const mixpanel::EventIdentity& identity) {
        if (!set.Mark(identity.fingerprint())) ListUnexpected(identity.key);
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
      [&](const mixpanel::EventIdentity& identity) {
        const Hash128 id = identity.fingerprint();
        return theirs.Add(part_of(id), {.id = id});
      },
      std::move(stop)));

  MatchCounts counts;
  for (uint64_t part = 0; part < parts; ++part) {
    const int64_t key = static_cast<int64_t>(part);
    std::vector<Fingerprint> loaded;
    RETURN_IF_ERROR(ours.ForEach(key, [&](const Fingerprint& one) { loaded.push_back(one); }));
    ExpectedSet set(std::move(loaded));
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
                                     const Visitor& visit, std::stop_token stop) {
  // The export rejects future days; events may be an hour ahead.
  const absl::CivilDay today = absl::ToCivilDay(clock_.Now(), absl::UTCTimeZone());
  const mixpanel::RawExportRequest request = {.from = std::min(CivilDayOf(span.first), today),
                                              .to = std::min(CivilDayOf(span.last), today),
                                              .events = NamesToAskFor(names_),
                                              .time_in_ms = true};
  for (RetryLoop tries(retrier_);;) {
    RETURN_IF_ERROR(begin());
    ++requests_;
    const absl::Status status = raw_export_(request, [&](std::string_view line) {
      if (stop.stop_requested()) return absl::CancelledError("reconciling was stopped");
      return OnLine(line, visit);
    });
    if (status.ok()) {
      tries.Succeeded();
      return status;
    }
    if (!absl::IsUnavailable(status)) return status;
    Log(Severity::kWarning, "the export failed and is retried",
        {{"from", absl::FormatCivilTime(request.from)},
         {"to", absl::FormatCivilTime(request.to)},
         {"error", ToStd(status.message())}});
    RETURN_IF_ERROR(tries.WaitToRetry(status, absl::ZeroDuration(), stop));
  }
}

// A day that is exported again shows the same events again.
void DestinationCheck::ListUnexpected(const std::string& key) {
  if (unexpected_.size() < options_.max_listed &&
      std::find(unexpected_.begin(), unexpected_.end(), key) == unexpected_.end()) {
    unexpected_.push_back(key);
  }
}

absl::Status DestinationCheck::OnLine(std::string_view line, const Visitor& visit) {
  // A line that cannot be read is not ours; it is counted and shown unchanged.
  if (!reader_.Read(line, identity_).ok()) {
    identity_.key = line;
    return visit(identity_);
  }
  const bool ours = names_.contains(identity_.event) && ours_.counts().contains(identity_.day());
  return ours ? visit(identity_) : absl::OkStatus();
}

}  // namespace millrace
