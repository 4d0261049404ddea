// Proves that the destination has exactly what is delivered according to the ledger.
#ifndef MILLRACE_RECONCILE_RECONCILE_H_
#define MILLRACE_RECONCILE_RECONCILE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/warnings.h"
#include "import/import.h"
#include "reconcile/confirmed_objects.h"
#include "reconcile/destination_check.h"
#include "reconcile/expected_events.h"
#include "reconcile/expected_set.h"

namespace millrace {

struct ReconcileRequest {
  ImportRequest import;                // inputs and config as they were imported
  Destination* destination = nullptr;  // and where to
  std::string temp_parent;  // where to create a folder for temporary files: 32 bytes per event
  size_t max_listed = 20;   // rows, events and objects that the report lists, of each kind
  bool repair = false;      // send missing rows again
  // A destination may show events some minutes after it accepted them: while rows are missing,
  // their days are read again until this time has passed.
  absl::Duration wait;
  absl::Duration wait_after_repair;
  size_t max_rows_in_memory = 2'000'000;
  // All events of these times at the destination are compared, whatever their names.
  std::optional<MillisRange> all_of;
};

// Everything outside the process.
struct ReconcileParts {
  Ledger& ledger;
  DeadLetterQueue& dead_letter;  // stores what is rejected in a repair
  ExpectedEvents::ReadDead read_dead;
  EventReader& reader;  // of the destination
  Clock& clock = Clock::Real();
  // The objects, instead of those that the request's inputs name.
  std::function<absl::StatusOr<ConfirmedObjects>()> find_objects = nullptr;
  // As ExpectedEvents::SetOtherIdentity().
  EventReader::Identify other_identity = nullptr;
  // Repairs what was found to be different, instead of a run that sends missing rows again.
  // `missing` has indexes of the objects as keys. Returns how many rows were refused; nullopt:
  // there was nothing to do. Called if something is missing, duplicate or unexpected.
  using Repair = std::function<absl::StatusOr<std::optional<uint64_t>>(const MatchCounts& counts,
                                                                       FingerprintSpill& missing)>;
  Repair repair = nullptr;
};

struct MissingRow {
  std::string object;
  uint64_t row = 0;  // 0-based
};

struct ReconcileReport {
  absl::Status status;  // Cancelled: a stop was requested; otherwise the error that ended it early
  MatchCounts counts;   // after the repair
  uint64_t repaired = 0;         // missing before the repair, found after it
  uint64_t removed = 0;          // surplus events before the repair that are gone after it
  uint64_t repair_rejected = 0;  // rows that the destination rejected in the repair
  uint64_t rows = 0;             // read of the confirmed objects
  uint64_t rows_rejected = 0;    // of these, in the dead letters: not expected
  uint64_t rows_replayed = 0;    // of these, delivered by replays: expected as they were sent
  uint64_t rows_filtered = 0;
  // Of the rows, events that connect ids ($identify ...): without time and id they cannot be
  // compared, and are not in `counts`.
  uint64_t events_not_checked = 0;
  // Rows of days that the destination does not show yet, because events may be an hour ahead:
  // neither found nor missing, and not in `counts`.
  uint64_t not_checkable_yet = 0;
  absl::Time checkable_from = absl::InfinitePast();  // when the first such day begins
  uint64_t objects = 0;                              // compared
  uint64_t objects_not_checked = 0;                  // of profiles
  uint64_t days = 0;
  uint64_t requests = 0;                       // reads of the destination, with repeats
  std::vector<ObjectFinding> findings;         // objects that are not compared, or only in part
  std::vector<MissingRow> missing_rows;        // the first
  std::vector<std::string> unexpected_events;  // the first, as EventIdentity::key
  std::vector<std::string> duplicate_events;   // the same; only if keeps_repeats
  bool keeps_repeats = false;                  // each duplicate counts at the destination
  std::vector<WarningCount> warnings;          // of listing and reading the objects
  bool warnings_are_errors = false;            // --strict
  double elapsed_s = 0;

  uint64_t CountOf(ObjectProblem problem) const;
  // Adds the result for other objects and other days. Elapsed time is not added.
  void Add(const ReconcileReport& other, size_t max_listed);
  // Source and destination are the same for the inputs.
  bool clean(bool ignore_unexpected) const {
    return status.ok() && !(warnings_are_errors && !warnings.empty()) && findings.empty() &&
           counts.missing() == 0 && not_checkable_yet == 0 &&
           (!keeps_repeats || counts.duplicates == 0) &&
           (ignore_unexpected || counts.unexpected == 0);
  }
};

// Blocking. Memory: about 32 bytes for each of max_rows_in_memory, and some hundred bytes per
// object.
ReconcileReport Reconcile(const ReconcileRequest& request, const ReconcileParts& parts,
                          std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_RECONCILE_H_
