// The Transform of an import: rows to events by the config of their object.
#ifndef MILLRACE_IMPORT_MAP_TRANSFORM_H_
#define MILLRACE_IMPORT_MAP_TRANSFORM_H_

#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "formats/row_reader.h"
#include "mapping/row_mapper.h"
#include "mapping/script_pool.h"
#include "pipeline/transform.h"

namespace millrace {

// Takes chunks of an ObjectSource (RowsPayload).
class MapTransform : public Transform {
 public:
  // Event times are bounded by `now`, or by what `clock` shows when they are mapped. `scripts`, if
  // given, runs the configs' transforms for all workers, and outlives this.
  explicit MapTransform(absl::Time now, ScriptPool* scripts = nullptr)
      : now_(now), scripts_(scripts) {}
  explicit MapTransform(Clock& clock, ScriptPool* scripts = nullptr)
      : clock_(&clock), scripts_(scripts) {}

  void Apply(Chunk& chunk, Transformed& out) override;

 private:
  RowMapper& MapperFor(const std::shared_ptr<const SourceConfig>& config, absl::Time now);

  Clock* const clock_ = nullptr;
  const absl::Time now_;
  ScriptPool* const scripts_;
  DecodeScratch scratch_;
  absl::flat_hash_map<const SourceConfig*, std::unique_ptr<RowMapper>> mappers_;
};

}  // namespace millrace

#endif  // MILLRACE_IMPORT_MAP_TRANSFORM_H_
