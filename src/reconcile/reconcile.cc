#include "reconcile/reconcile.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/log.h"
#include "base/pluralize.h"
#include "base/retrier.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/temp_folder.h"
#include "pipeline/retry_unavailable.h"
#include "reconcile/missing_rows.h"
#include "reconcile/repair_staging.h"

namespace millrace {
namespace {

constexpr size_t kSpillMemory = 16 << 20;
constexpr absl::Duration kFirstPause = absl::Seconds(15);

int64_t DayOf(int64_t unix_millis) {
  constexpr int64_t kDay = 86'400'000;
  return unix_millis / kDay - (unix_millis % kDay < 0);
}

// Errors of one object that do not affect the others.
ObjectProblem ProblemOf(const absl::Status& status) {
  if (absl::IsFailedPrecondition(status)) return ObjectProblem::kChanged;
  if (absl::IsNotFound(status)) return ObjectProblem::kGone;
  return ObjectProblem::kUnreadable;
}

bool EndsTheWork(const absl::Status& status) {
  return absl::IsCancelled(status) || absl::IsUnavailable(status) ||
         absl::IsResourceExhausted(status);
}

class Reconciler {
 public:
  Reconciler(const ReconcileRequest& request, const ReconcileParts& parts, std::stop_token stop)
      : request_(request), parts_(parts), stop_(std::move(stop)) {}

  ReconcileReport Run() {
    const absl::Duration begin = parts_.clock.Elapsed();
    report_.keeps_repeats = parts_.reader.keeps_repeats();
    report_.status = Work();
    report_.elapsed_s = absl::ToDoubleSeconds(parts_.clock.Elapsed() - begin);
    return std::move(report_);
  }

 private:
  absl::Status Work() {
    ASSIGN_OR_RETURN(folder_, TempFolder::Make(request_.temp_parent, "reconcile"));
    ASSIGN_OR_RETURN(ours_, MakeSpill("ours"));
    ASSIGN_OR_RETURN(missing_, MakeSpill("missing"));
    if (request_.import.strict) warnings_.MakeErrors();
    ASSIGN_OR_RETURN(ConfirmedObjects found, FindObjects());
    objects_ = std::move(found.objects);
    report_.findings = std::move(found.findings);
    report_.objects_not_checked = found.not_checked;
    RETURN_IF_ERROR(ReadObjects());
    RETURN_IF_ERROR(MakeCheck());
    RETURN_IF_ERROR(CompareFor(request_.wait));
    if (parts_.repair != nullptr) {
      if (IsDifferent(report_.counts)) RETURN_IF_ERROR(RepairByCaller());
    } else if (request_.repair && report_.counts.missing() > 0) {
      RETURN_IF_ERROR(Repair());
    }
    return ListMissing();
  }

  absl::StatusOr<ConfirmedObjects> FindObjects() {
    if (parts_.find_objects != nullptr) return parts_.find_objects();
    return FindConfirmedObjects(request_.import,
                                request_.destination->LedgerName(RecordType::kEvent), parts_.ledger,
                                parts_.clock.Now(), stop_, warnings_);
  }

  bool IsDifferent(const MatchCounts& counts) const {
    return counts.missing() > 0 || counts.unexpected > 0 || counts.duplicates > 0;
  }

  absl::StatusOr<std::unique_ptr<FingerprintSpill>> MakeSpill(const std::string& name) {
    ASSIGN_OR_RETURN(std::string folder, folder_->MakeFolder(name));
    return std::make_unique<FingerprintSpill>(std::move(folder), kSpillMemory);
  }

  absl::Status ReadObjects() {
    ExpectedEvents events(parts_.clock.Now(), request_.destination->rules(), parts_.reader,
                          parts_.read_dead, *ours_, names_, warnings_);
    events.SetOtherIdentity(parts_.other_identity);
    for (size_t i = 0; i < objects_.size(); ++i) {
      const ConfirmedObject& object = objects_[i];
      const absl::Status status = events.Read(object, static_cast<uint32_t>(i), stop_);
      if (status.ok()) {
        ++report_.objects;
      } else if (EndsTheWork(status)) {
        return Annotate(status, StrCat("reading ", object.key.object));
      } else {
        report_.findings.push_back(
            {ProblemOf(status), object.key.object, std::string(ToStd(status.message()))});
      }
    }
    report_.rows = events.rows_read();
    report_.rows_rejected = events.rows_rejected();
    report_.rows_replayed = events.rows_replayed();
    report_.rows_filtered = events.rows_filtered();
    report_.events_not_checked = events.events_not_checked();
    report_.warnings = warnings_.all();
    report_.warnings_are_errors = warnings_.are_errors();
    Log(Severity::kInfo, "source is read",
        {{"objects", report_.objects}, {"rows", report_.rows}, {"days", ours_->counts().size()}});
    return absl::OkStatus();
  }

  absl::Status MakeCheck() {
    DestinationCheck::Folders folders;
    const int number = checks_++;
    ASSIGN_OR_RETURN(folders.ours, folder_->MakeFolder(StrCat("part_ours", number)));
    ASSIGN_OR_RETURN(folders.theirs, folder_->MakeFolder(StrCat("part_theirs", number)));
    const DestinationCheck::Options options = {.max_rows = request_.max_rows_in_memory,
                                               .max_listed = request_.max_listed,
                                               .retry = request_.import.run.retry,
                                               .all_of = request_.all_of};
    check_ = std::make_unique<DestinationCheck>(options, std::move(folders), *ours_, names_,
                                                parts_.reader, parts_.clock);
    // Days that cannot be read yet are separate spans.
    std::map<int64_t, uint64_t> days = ours_->counts();
    if (request_.all_of) {
      const int64_t last = DayOf(request_.all_of->end - 1);
      for (int64_t day = DayOf(request_.all_of->begin); day <= last; ++day)
        days.try_emplace(day, 0);
    }
    spans_.clear();
    const auto to_come = days.upper_bound(parts_.reader.LastDay());
    for (const auto& part : {std::map(days.begin(), to_come), std::map(to_come, days.end())}) {
      for (const DaySpan& span : PlanSpans(part, request_.max_rows_in_memory)) {
        spans_.push_back({span, std::nullopt});
      }
    }
    report_.days = days.size();
    return absl::OkStatus();
  }

  // Compares all days that are not known to be complete, and repeats that while rows are missing
  // and `wait` is not over.
  absl::Status CompareFor(absl::Duration wait) {
    const absl::Duration end = parts_.clock.Elapsed() + wait;
    absl::Duration pause = kFirstPause;
    while (true) {
      RETURN_IF_ERROR(Compare());
      const absl::Duration left = end - parts_.clock.Elapsed();
      const bool may_be_checked_in_time =
          report_.not_checkable_yet > 0 && report_.checkable_from <= parts_.clock.Now() + left;
      if (report_.counts.missing() == 0 && !may_be_checked_in_time) return absl::OkStatus();
      if (left <= absl::ZeroDuration()) return absl::OkStatus();
      Log(Severity::kInfo, "rows are missing; the destination may not show them yet",
          {{"missing", report_.counts.missing()},
           {"not_checkable_yet", report_.not_checkable_yet},
           {"seconds_left", absl::ToInt64Seconds(left)}});
      if (!parts_.clock.SleepFor(std::min(pause, left), stop_)) {
        return absl::CancelledError("reconciling was stopped");
      }
      pause *= 2;
    }
  }

  absl::Status Compare() {
    RETURN_IF_ERROR(missing_->Clear());
    report_.counts = {};
    report_.not_checkable_yet = 0;
    report_.checkable_from = absl::InfinitePast();
    for (auto& [span, counts] : spans_) {
      if (span.first > parts_.reader.LastDay()) {
        RETURN_IF_ERROR(CountNotCheckable(span));
        continue;
      }
      if (!counts || counts->missing() > 0) {
        absl::StatusOr<MatchCounts> checked = check_->Check(span, *missing_, stop_);
        report_.requests = requests_before_ + check_->requests();
        if (!checked.ok()) return Annotate(checked.status(), "comparing with the destination");
        counts = *checked;
      }
      report_.counts += *counts;
    }
    report_.unexpected_events = check_->unexpected();
    report_.duplicate_events = check_->duplicates();
    return absl::OkStatus();
  }

  absl::Status CountNotCheckable(const DaySpan& span) {
    for (int64_t day = span.first; day <= span.last; ++day) {
      RETURN_IF_ERROR(ours_->ForEach(
          day, [&](const Fingerprint& one) { report_.not_checkable_yet += !one.optional; }));
    }
    if (report_.checkable_from == absl::InfinitePast()) {
      report_.checkable_from =
          absl::FromCivil(absl::CivilDay(1970, 1, 1) + span.first, absl::UTCTimeZone());
    }
    return absl::OkStatus();
  }

  absl::Status Repair() {
    const RunOptions& options = request_.import.run;
    Retrier retrier(options.retry, parts_.clock);
    RETURN_IF_ERROR(RetryUnavailable(retrier, stop_,
                                     [&] { return parts_.reader.CheckKeepsIdentities(stop_); }));
    const uint64_t missing = report_.counts.missing();
    ASSIGN_OR_RETURN(std::string folder, folder_->MakeFolder("wanted"));
    std::optional<RepairClaims> claims;
    DeliveryCursor* const cursor = request_.destination->cursor(RecordType::kEvent);
    if (cursor != nullptr) claims.emplace(*cursor);
    std::optional<RepairStaging> staging;
    if (Staging* const staged = request_.destination->staging(RecordType::kEvent)) {
      staging.emplace(*staged, parts_.ledger, request_.destination->LedgerName(RecordType::kEvent));
    }
    const ResendParts parts = {.destination = *request_.destination,
                               .reader = parts_.reader,
                               .dead_letter = parts_.dead_letter,
                               .folder = std::move(folder),
                               .clock = parts_.clock,
                               .claims = claims ? &*claims : nullptr,
                               .staging = staging ? &*staging : nullptr};
    if (claims) {
      RETURN_IF_ERROR(
          EndOtherRepairs(objects_, *missing_, *claims, options.retry, parts_.clock, stop_));
    }
    if (staging) {
      RETURN_IF_ERROR(
          RetryUnavailable(retrier, stop_, [&] { return staging->RemoveOrphans({}, stop_); }));
    }
    if (claims || staging) RETURN_IF_ERROR(Compare());
    const MatchCounts before = report_.counts;
    ASSIGN_OR_RETURN(const RunReport run,
                     ResendMissing(objects_, *missing_, parts, parts_.clock.Now(), options, stop_));
    RETURN_IF_ERROR(Annotate(run.status, "sending missing rows again"));
    report_.repair_rejected = run.counts.rejected;
    if (run.objects_lost > 0) {
      return absl::AbortedError(staging ? "what the repair had staged was removed; run it again"
                                        : "another repair of the same objects has begun; run "
                                          "again when it has ended");
    }
    Log(Severity::kInfo, "missing rows were sent again",
        {{"rows", run.counts.accepted}, {"rejected", run.counts.rejected}});
    RETURN_IF_ERROR(
        CompareFor(run.counts.accepted > 0 ? request_.wait_after_repair : absl::ZeroDuration()));
    report_.repaired = missing - std::min(missing, report_.counts.missing());
    return CheckUnchanged(before, run.counts.accepted);
  }

  absl::Status RepairByCaller() {
    const MatchCounts before = report_.counts;
    ASSIGN_OR_RETURN(const std::optional<uint64_t> rejected, parts_.repair(before, *missing_));
    if (!rejected) return absl::OkStatus();
    report_.repair_rejected = *rejected;
    requests_before_ += check_->requests();
    RETURN_IF_ERROR(MakeCheck());  // that lists only what it finds now
    RETURN_IF_ERROR(CompareFor(request_.wait_after_repair));
    const MatchCounts& after = report_.counts;
    const auto less = [](uint64_t was, uint64_t is) { return was - std::min(was, is); };
    report_.repaired = less(before.missing(), after.missing());
    report_.removed =
        less(before.unexpected, after.unexpected) + less(before.duplicates, after.duplicates);
    return absl::OkStatus();
  }

  // The same rows would be written again by the next repair.
  absl::Status CheckUnchanged(const MatchCounts& before, uint64_t sent) const {
    const MatchCounts& after = report_.counts;
    const bool were_changed = sent > 0 && report_.keeps_repeats && after.found <= before.found &&
                              after.unexpected >= before.unexpected + sent;
    if (!were_changed) return absl::OkStatus();
    return absl::FailedPreconditionError(StrCat(
        "the destination changes the name, distinct_id, time or $insert_id of events: ",
        Pluralize(sent, "row"),
        " were sent again, and only other events were found. Remove what changes them, such ",
        "as a trigger, and delete the unexpected events, before another repair"));
  }

  absl::Status ListMissing() {
    for (const auto& [number, count] : missing_->counts()) {
      const std::string& object = objects_[static_cast<size_t>(number)].key.object;
      const size_t listed = report_.missing_rows.size();
      if (listed >= request_.max_listed) break;
      RETURN_IF_ERROR(missing_->ForEach(number, [&](const Fingerprint& one) {
        if (report_.missing_rows.size() < request_.max_listed) {
          report_.missing_rows.push_back({object, one.row});
        }
      }));
    }
    return absl::OkStatus();
  }

  const ReconcileRequest& request_;
  const ReconcileParts& parts_;
  const std::stop_token stop_;
  std::unique_ptr<TempFolder> folder_;
  std::unique_ptr<FingerprintSpill> ours_;     // by day
  std::unique_ptr<FingerprintSpill> missing_;  // by index of objects_
  std::vector<ConfirmedObject> objects_;
  absl::flat_hash_set<std::string> names_;
  std::unique_ptr<DestinationCheck> check_;
  int checks_ = 0;                                                     // that were made
  uint64_t requests_before_ = 0;                                       // of earlier ones
  std::vector<std::pair<DaySpan, std::optional<MatchCounts>>> spans_;  // with their last counts
  Warnings warnings_;
  ReconcileReport report_;
};

}  // namespace

uint64_t ReconcileReport::CountOf(ObjectProblem problem) const {
  return static_cast<uint64_t>(
      std::count_if(findings.begin(), findings.end(),
                    [&](const ObjectFinding& finding) { return finding.problem == problem; }));
}

void ReconcileReport::Add(const ReconcileReport& other, size_t max_listed) {
  if (status.ok()) status = other.status;
  counts += other.counts;
  repaired += other.repaired;
  removed += other.removed;
  repair_rejected += other.repair_rejected;
  rows += other.rows;
  rows_rejected += other.rows_rejected;
  rows_replayed += other.rows_replayed;
  rows_filtered += other.rows_filtered;
  events_not_checked += other.events_not_checked;
  not_checkable_yet += other.not_checkable_yet;
  if (checkable_from == absl::InfinitePast()) checkable_from = other.checkable_from;
  objects += other.objects;
  objects_not_checked += other.objects_not_checked;
  days += other.days;
  requests += other.requests;
  const auto append = [max_listed](auto& to, const auto& from) {
    const size_t room = max_listed - std::min(max_listed, to.size());
    to.insert(to.end(), from.begin(),
              from.begin() + static_cast<ptrdiff_t>(std::min(room, from.size())));
  };
  findings.insert(findings.end(), other.findings.begin(), other.findings.end());
  append(missing_rows, other.missing_rows);
  append(unexpected_events, other.unexpected_events);
  append(duplicate_events, other.duplicate_events);
  warnings.insert(warnings.end(), other.warnings.begin(), other.warnings.end());
  keeps_repeats = other.keeps_repeats;
  warnings_are_errors = other.warnings_are_errors;
}

ReconcileReport Reconcile(const ReconcileRequest& request, const ReconcileParts& parts,
                          std::stop_token stop) {
  return Reconciler(request, parts, std::move(stop)).Run();
}

}  // namespace millrace
