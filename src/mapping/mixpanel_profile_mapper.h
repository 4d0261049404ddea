// Profile updates that are already in Mixpanel's format.
#ifndef MILLRACE_MAPPING_MIXPANEL_PROFILE_MAPPER_H_
#define MILLRACE_MAPPING_MIXPANEL_PROFILE_MAPPER_H_

#include <memory>
#include <string>
#include <vector>

#include "mapping/field_step.h"
#include "mapping/plan_cache.h"
#include "mapping/record_mapper.h"
#include "mapping/typed_value.h"

namespace millrace {

// Rows {"$distinct_id": ..., "$set": {...}} or {"$group_key": ..., "$group_id": ..., "$set": {...}}
// (the config's group key is used if a row has none): one update for each operation that is not
// null (all in one object for a transform). "$properties", as Mixpanel exports profiles, is "$set";
// an exported group has its id in "$distinct_id". Other keys that begin with "$" are added to each
// update, except "$token" (the sink adds it); other keys are dropped.
class MixpanelProfileMapper : public RecordMapper {
 public:
  MixpanelProfileMapper(std::shared_ptr<const SourceConfig> config, const RecordRules& rules,
                        MapStage stage);
  void BeginObject(std::string_view /*uri*/, std::string_view /*version*/) override {}
  bool Map(const Row& row, RecordOrigin& origin, Batch& out, MapError& why) override;

 private:
  struct Plan {
    CellPath id;
    CellPath group_key;
    std::vector<FieldStep> beside;
    // With those that are operations if their value is an object or a list, and else stand beside.
    std::vector<FieldStep> operations;
    bool two_sets = false;  // rows may have "$set" and "$properties"
  };

  Plan Compile(const RowShape& shape) const;
  bool IsOperation(std::string_view property) const;
  bool WriteBeside(const FieldStep& step, const Value& value);
  bool CheckOneSet(const Plan& plan, const Row& row);
  bool WriteHead(const Plan& plan, const Row& row);
  bool WriteGroupKey(const Plan& plan, const Row& row);
  bool WriteOneByOne(const Plan& plan, const Row& row, Batch& out);
  bool WriteTogether(const Plan& plan, const Row& row, Batch& out);
  bool WriteOperation(const FieldStep& step, const Value& value, ByteBuffer& out);

  const std::shared_ptr<const SourceConfig> config_;
  const RecordRules rules_;
  const MapStage stage_;
  PlanCache<Plan> plans_;
  CellReader cells_;
  ValueTyper typer_;
  ByteBuffer scratch_;
  ByteBuffer head_;  // of each update of the row, up to its operation
  MapError* why_ = nullptr;
};

}  // namespace millrace

#endif  // MILLRACE_MAPPING_MIXPANEL_PROFILE_MAPPER_H_
