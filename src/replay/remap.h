// Maps rows again that were stored as JSON, like those of dead letters.
#ifndef MILLRACE_REPLAY_REMAP_H_
#define MILLRACE_REPLAY_REMAP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/batch.h"
#include "formats/row_reader.h"
#include "mapping/row_mapper.h"

namespace millrace {

struct KeptRow {
  std::string_view json;  // the row as AppendRowAsJson() wrote it
  // The position of the row, from which ids by position are made.
  std::string_view object;
  std::string_view version;
  uint64_t number = 0;  // 0-based, in its object
  std::shared_ptr<const SourceConfig> config;
};

struct Remapped {
  MapOutcome outcome = MapOutcome::kRejected;
  MapError why;  // if rejected
};

// Keeps compiled mappings. One thread at a time.
class Remapper {
 public:
  // Applies `rules` with `now`; see RowMapper::Make().
  Remapper(absl::Time now, const RecordRules& rules) : now_(now), rules_(rules) {}

  // Appends the events of `rows` to `out`, in order, with indexes of `rows` as their source rows,
  // and returns the outcome of each. A row whose text is not a JSON object is rejected as
  // "unreadable_row". InvalidArgument if a config's transform does not load.
  absl::StatusOr<std::vector<Remapped>> Map(absl::Span<const KeptRow> rows, Batch& out);

 private:
  absl::StatusOr<RowMapper*> MapperFor(const std::shared_ptr<const SourceConfig>& config);

  const absl::Time now_;
  const RecordRules rules_;
  DecodeScratch scratch_;
  absl::flat_hash_map<const SourceConfig*, std::unique_ptr<RowMapper>> mappers_;
};

}  // namespace millrace

#endif  // MILLRACE_REPLAY_REMAP_H_
