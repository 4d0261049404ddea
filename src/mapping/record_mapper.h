// Rows to records: the parts that a RowMapper is made of.
#ifndef MILLRACE_MAPPING_RECORD_MAPPER_H_
#define MILLRACE_MAPPING_RECORD_MAPPER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/time/time.h"
#include "base/batch.h"
#include "base/hash.h"
#include "formats/row.h"
#include "mapping/row_mapper.h"
#include "mapping/sources_config.h"

namespace millrace {

// Where a record stands between its source and Mixpanel.
enum class MapStage {
  kDirect,  // from the source to Mixpanel
  // From the source to the transform: what the transform may still supply (a name, a time, ids) may
  // be missing, limits are not checked yet, and integers beyond 2^53, which JavaScript would round,
  // become text.
  kDraft,
  kFinal,  // from the transform to Mixpanel
};

// The source row of a record.
struct RecordOrigin {
  uint64_t row = 0;
  uint32_t part = 0;  // among the records that a transform made of the row
  // With InsertIdRule::kColumns: the hash of the row's columns; absent if all of them are null.
  // Filled at the stages kDirect and kDraft, used at kFinal.
  std::optional<Hash128> id_columns;
};

class RecordMapper {
 public:
  virtual ~RecordMapper() = default;
  virtual void BeginObject(std::string_view uri, std::string_view version) = 0;
  // As RowMapper has it; records without a time do not care.
  virtual void SetNow(absl::Time /*now*/) {}
  // Appends what `row` becomes to `out`, a line or more. False if it is refused: then `why` is
  // filled, and the last row of `out` may be unfinished.
  virtual bool Map(const Row& row, RecordOrigin& origin, Batch& out, MapError& why) = 0;
};

// For rows as their source has them (kDirect, kDraft) or as a transform returns them (kFinal): by
// the mappings of `config`, unless the rows are in Mixpanel's format.
std::unique_ptr<RecordMapper> NewRecordMapper(std::shared_ptr<const SourceConfig> config,
                                              absl::Time now, MapStage stage);

// Drops all rows of `batch` but the first `rows`, and what follows them.
void KeepRows(Batch& batch, size_t rows);

// Fills `why`; always false.
bool Refuse(MapError& why, std::string_view code, std::string_view field, std::string_view message);

}  // namespace millrace

#endif  // MILLRACE_MAPPING_RECORD_MAPPER_H_
