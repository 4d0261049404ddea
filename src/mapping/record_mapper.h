// Maps rows to records: the parts of a RowMapper.
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

// The stage of a record between its source and its destination.
enum class MapStage {
  kDirect,  // from the source to the destination
  // From the source to the transform: what the transform may still supply (a name, a time, ids) may
  // be missing, limits are not checked yet, and integers beyond 2^53, which JavaScript would round,
  // become text.
  kDraft,
  kFinal,  // from the transform to the destination
};

// The source row of a record.
struct RecordOrigin {
  uint64_t row = 0;
  uint32_t part = 0;  // among the records that a transform made of the row
  // With InsertIdRule::kColumns: the hash of the row's columns; absent if all of them are null. Set
  // at the stages kDirect and kDraft, used at kFinal.
  std::optional<Hash128> id_columns;
};

class RecordMapper {
 public:
  virtual ~RecordMapper() = default;
  virtual void BeginObject(std::string_view uri, std::string_view version) = 0;
  // As in RowMapper; records without a time ignore it.
  virtual void SetNow(absl::Time /*now*/) {}
  // The cell whose members are read, for RowVisitor::opens(); empty: none.
  virtual std::string_view opened_cell() const { return {}; }
  // Appends the result of `row` to `out`, one or more lines. False if it is rejected: then `why` is
  // filled, and the last row of `out` may be unfinished.
  virtual bool Map(const Row& row, RecordOrigin& origin, Batch& out, MapError& why) = 0;
};

// For rows as in their source (kDirect, kDraft) or as a transform returns them (kFinal): by the
// mappings of `config`, unless the rows are in Mixpanel's format.
std::unique_ptr<RecordMapper> NewRecordMapper(std::shared_ptr<const SourceConfig> config,
                                              absl::Time now, const RecordRules& rules,
                                              MapStage stage);

// Fills `why`; always false.
bool Refuse(MapError& why, std::string_view code, std::string_view field, std::string_view message);

}  // namespace millrace

#endif  // MILLRACE_MAPPING_RECORD_MAPPER_H_
