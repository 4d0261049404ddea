// Reads and maps a sample of the objects of one config entry, and collects what a plan reports.
#ifndef MILLRACE_PLAN_ENTRY_SAMPLER_H_
#define MILLRACE_PLAN_ENTRY_SAMPLER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "formats/row_reader.h"
#include "objects/object_lister.h"
#include "plan/plan.h"

namespace millrace {

struct SampleOptions {
  uint64_t max_rows = 50'000;  // of each object; 0: all
  size_t previews = 3;
  SendLimits limits;            // of the destination
  double min_record_bytes = 0;  // BilledUnit's, of the destination
  absl::Time now;
  RecordRules rules;             // of the destination
  Warnings* warnings = nullptr;  // may be null
};

// One thread at a time; bounded memory.
class EntrySampler {
 public:
  // `seen` may be shared with other samplers; it must outlive this one. Fails if the config's
  // transform does not load.
  static absl::StatusOr<std::unique_ptr<EntrySampler>> Make(
      std::shared_ptr<const SourceConfig> config, const SampleOptions& options, SeenRecords& seen);
  ~EntrySampler();

  // Reads `object` starting at `from` and fills the sampled fields of `plan`. If the object cannot
  // be read, sets `plan.error`. Counts rows in `progress`.
  void Sample(const ListedObject& object, Position from, std::stop_token stop,
              std::atomic<uint64_t>& progress, ObjectPlan& plan);

  // Fills the "of the sample" part of `plan`.
  void Describe(EntryPlan& plan) const;

 private:
  class Tally;

  EntrySampler(std::shared_ptr<const SourceConfig> config, const SampleOptions& options);

  absl::Status ReadRows(const ListedObject& object, Position from, std::stop_token stop,
                        std::atomic<uint64_t>& progress, ObjectPlan& plan);

  const std::shared_ptr<const SourceConfig> config_;
  const SampleOptions options_;
  DecodeScratch scratch_;
  std::unique_ptr<Tally> stats_;
};

}  // namespace millrace

#endif  // MILLRACE_PLAN_ENTRY_SAMPLER_H_
