// Reads and maps confirmed objects again, to get the identities of their rows at the destination.
#ifndef MILLRACE_RECONCILE_EXPECTED_EVENTS_H_
#define MILLRACE_RECONCILE_EXPECTED_EVENTS_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/event_identity.h"
#include "base/warnings.h"
#include "objects/map_transform.h"
#include "pipeline/event_reader.h"
#include "reconcile/confirmed_objects.h"
#include "reconcile/fingerprint_spill.h"
#include "replay/dead_rows.h"

namespace millrace {

// One thread at a time.
class ExpectedEvents {
 public:
  using ReadDead = std::function<absl::StatusOr<DeadRows>(const LedgerKey& object,
                                                          const EventReader::Identify& identify)>;

  // Writes fingerprints to `spill` under their day, and names to `names`.
  // Adds problems of the objects to `warnings`.
  ExpectedEvents(absl::Time now, const RecordRules& rules, const EventReader& reader,
                 ReadDead read_dead, FingerprintSpill& spill,
                 absl::flat_hash_set<std::string>& names, Warnings& warnings)
      : transform_(now, rules),
        identify_(reader.NewIdentify()),
        keeps_repeats_(reader.keeps_repeats()),
        read_dead_(std::move(read_dead)),
        spill_(spill),
        names_(names),
        warnings_(warnings) {}

  // Another identity under which the destination may have an event whose distinct_id Mixpanel has
  // changed since it was delivered. Such events are optional under both.
  void SetOtherIdentity(EventReader::Identify identify) { other_identity_ = std::move(identify); }

  // `number` represents the object in fingerprints. Events of rejected rows are not expected.
  // Unless the destination keeps repeats they are optional, because it may have accepted some of a
  // row's events before it rejected another. All events of an object of other_mapping are optional.
  // Events that a replay delivered are expected as they were
  // sent. FailedPrecondition or NotFound if the object has changed since the listing, DataLoss if
  // it cannot be read; keeps what was read before.
  absl::Status Read(const ConfirmedObject& object, uint32_t number, std::stop_token stop);

  uint64_t rows_read() const { return rows_read_; }
  uint64_t rows_rejected() const { return rows_rejected_; }
  uint64_t rows_replayed() const { return rows_replayed_; }  // of the rejected rows
  uint64_t rows_filtered() const { return rows_filtered_; }
  // Events that connect ids ($identify ...): without time and id they cannot be compared. And those
  // with another identity.
  uint64_t events_not_checked() const { return events_not_checked_; }

 private:
  absl::Status TakeMapped(DeadRows& dead, uint32_t number, bool all_optional);
  // Takes this event of a rejected row out of those that were not delivered.
  static bool TakeRefused(DeadRows& dead, uint64_t row, const Hash128& event);
  absl::Status TakeReplayed(const std::vector<DeadRows::Replayed>& replayed, uint32_t number,
                            bool all_optional);
  absl::Status AddBoth(std::string_view record, uint64_t row, uint32_t number);
  absl::Status Add(const EventIdentity& event, uint64_t row, uint32_t number, bool optional);

  MapTransform transform_;
  const EventReader::Identify identify_;
  EventReader::Identify other_identity_;  // may be null
  const bool keeps_repeats_;
  const ReadDead read_dead_;
  FingerprintSpill& spill_;
  absl::flat_hash_set<std::string>& names_;
  Warnings& warnings_;
  EventIdentity identity_;
  Transformed mapped_;
  uint64_t rows_read_ = 0;
  uint64_t rows_rejected_ = 0;
  uint64_t rows_replayed_ = 0;
  uint64_t rows_filtered_ = 0;
  uint64_t events_not_checked_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_EXPECTED_EVENTS_H_
