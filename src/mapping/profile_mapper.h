// Maps rows to updates of user and group profiles, by the mappings of a config.
#ifndef MILLRACE_MAPPING_PROFILE_MAPPER_H_
#define MILLRACE_MAPPING_PROFILE_MAPPER_H_

#include <memory>
#include <string>
#include <vector>

#include "mapping/field_step.h"
#include "mapping/plan_cache.h"
#include "mapping/record_mapper.h"
#include "mapping/typed_value.h"

namespace millrace {

// One update per row, with the config's operation. Properties mapped to $distinct_id (or
// distinct_id) or $group_id, $ip and $time are next to the operation, the others inside it:
//   $set $set_once $append $remove   {"name": value, ...}
//   $add                             numbers only
//   $union                           lists; other values become lists of one
//   $unset                           ["name", ...], the properties whose cells are not null
//   $delete                          null, whatever else is mapped
class ProfileMapper : public RecordMapper {
 public:
  ProfileMapper(std::shared_ptr<const SourceConfig> config, const RecordRules& rules,
                MapStage stage);
  void BeginObject(std::string_view /*uri*/, std::string_view /*version*/) override {}
  bool Map(const Row& row, RecordOrigin& origin, Batch& out, MapError& why) override;

 private:
  enum class Operand { kValues, kTime, kNumbers, kLists, kNames, kNothing };
  struct Plan {
    FieldStep id;
    std::vector<FieldStep> beside;  // $ip, $time
    std::vector<FieldStep> fields;
  };

  static Operand OperandOf(std::string_view operation);
  Plan Compile(const RowShape& shape) const;
  bool WriteOperation(const Plan& plan, const Row& row);
  bool WriteField(const FieldStep& step, Operand operand, const Row& row);
  bool FitOperand(const FieldStep& step, Operand operand, size_t begin);

  const std::shared_ptr<const SourceConfig> config_;
  const RecordRules rules_;
  const MapStage stage_;
  const Operand operand_;
  std::string opening_;    // up to the value of the id
  std::string operation_;  // ,"$set":
  PlanCache<Plan> plans_;
  CellReader cells_;
  ValueTyper typer_;
  ByteBuffer scratch_;

  // Of the current update:
  ByteBuffer* out_ = nullptr;
  MapError* why_ = nullptr;
};

}  // namespace millrace

#endif  // MILLRACE_MAPPING_PROFILE_MAPPER_H_
