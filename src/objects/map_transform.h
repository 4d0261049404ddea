// The Transform of an import: rows to events by the config of their object.
#ifndef MILLRACE_OBJECTS_MAP_TRANSFORM_H_
#define MILLRACE_OBJECTS_MAP_TRANSFORM_H_

#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "formats/row_reader.h"
#include "mapping/row_mapper.h"
#include "pipeline/transform.h"
#include "script/script_pool.h"

namespace millrace {

// Maps chunks of an ObjectSource (RowsPayload). A chunk with a large output is decoded several
// times, each time from its beginning.
class MapTransform : public Transform {
 public:
  // By the rules of the records' destination; its "now" is `now`, or the time of `clock` when a
  // record is mapped. `scripts`, if given, runs the configs' transforms for all workers, and
  // outlives this.
  MapTransform(absl::Time now, const RecordRules& rules, ScriptPool* scripts = nullptr)
      : now_(now), rules_(rules), scripts_(scripts) {}
  MapTransform(Clock& clock, const RecordRules& rules, ScriptPool* scripts = nullptr)
      : clock_(&clock), rules_(rules), scripts_(scripts) {}

  void Begin(Chunk& chunk) override;
  bool Next(size_t max_bytes, Transformed& out) override;

 private:
  void AddRejected(BufferedRows held, Transformed& out);
  RowMapper& MapperFor(const std::shared_ptr<const SourceConfig>& config, absl::Time now);

  Clock* const clock_ = nullptr;
  const absl::Time now_;
  const RecordRules rules_;
  ScriptPool* const scripts_;
  DecodeScratch scratch_;
  absl::flat_hash_map<const SourceConfig*, std::unique_ptr<RowMapper>> mappers_;

  // Of the chunk:
  RowChunk* rows_ = nullptr;
  RowMapper* mapper_ = nullptr;
  uint64_t next_row_ = 0;  // the first row not passed to the mapper yet
  uint64_t end_row_ = 0;
  bool flushed_ = true;  // the mapper has no buffered rows
};

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_MAP_TRANSFORM_H_
