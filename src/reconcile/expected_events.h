// Reads and maps confirmed objects again, for the identities that their rows have at the
// destination.
#ifndef MILLRACE_RECONCILE_EXPECTED_EVENTS_H_
#define MILLRACE_RECONCILE_EXPECTED_EVENTS_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/warnings.h"
#include "connectors/mixpanel/event_identity.h"
#include "objects/map_transform.h"
#include "reconcile/confirmed_objects.h"
#include "reconcile/fingerprint_spill.h"
#include "replay/dead_rows.h"

namespace millrace {

// One thread at a time.
class ExpectedEvents {
 public:
  using ReadDead = std::function<absl::StatusOr<DeadRows>(const LedgerKey& object)>;

  // Fingerprints go to `spill` under their day, names to `names`.
  // What looks wrong in the objects goes to `warnings`.
  ExpectedEvents(absl::Time now, ReadDead read_dead, FingerprintSpill& spill,
                 absl::flat_hash_set<std::string>& names, Warnings& warnings)
      : transform_(now),
        read_dead_(std::move(read_dead)),
        spill_(spill),
        names_(names),
        warnings_(warnings) {}

  // `number` stands for the object in fingerprints. Events of rejected rows are optional: the
  // destination may have taken some of a row's events before it refused another; so are all of an
  // object of other_mapping. What a replay
  // delivered is expected as it was sent. FailedPrecondition
  // or NotFound if the object is no longer what was listed, DataLoss if it cannot be read; what
  // was read before stays.
  absl::Status Read(const ConfirmedObject& object, uint32_t number, std::stop_token stop);

  uint64_t rows_read() const { return rows_read_; }
  uint64_t rows_rejected() const { return rows_rejected_; }
  uint64_t rows_replayed() const { return rows_replayed_; }  // of the rejected ones
  uint64_t rows_filtered() const { return rows_filtered_; }

 private:
  absl::Status TakeMapped(const RowSet& rejected, uint32_t number, bool all_optional);
  absl::Status TakeReplayed(const std::vector<DeadRows::Replayed>& replayed, uint32_t number,
                            bool all_optional);
  absl::Status Add(const mixpanel::EventIdentity& event, uint64_t row, uint32_t number,
                   bool optional);

  MapTransform transform_;
  const ReadDead read_dead_;
  FingerprintSpill& spill_;
  absl::flat_hash_set<std::string>& names_;
  Warnings& warnings_;
  mixpanel::IdentityReader reader_;
  mixpanel::EventIdentity identity_;
  Transformed mapped_;
  uint64_t rows_read_ = 0;
  uint64_t rows_rejected_ = 0;
  uint64_t rows_replayed_ = 0;
  uint64_t rows_filtered_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_EXPECTED_EVENTS_H_
