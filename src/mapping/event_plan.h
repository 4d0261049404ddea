// How the cells of one shape become an event.
#ifndef MILLRACE_MAPPING_EVENT_PLAN_H_
#define MILLRACE_MAPPING_EVENT_PLAN_H_

#include <optional>
#include <vector>

#include "mapping/field_step.h"

namespace millrace {

struct EventPlan {
  CellPath name;  // the event's name, if it comes from a column
  std::optional<FieldStep> time;
  std::optional<FieldStep> insert_id;
  std::vector<FieldStep> user_ids;  // distinct_id, $user_id, $device_id
  std::vector<FieldStep> properties;
  std::vector<FieldStep> insert_id_columns;  // of InsertIdRule::kColumns
  bool generates_ids = false;  // for properties of type string_or_uuid besides $insert_id
};

EventPlan CompileEventPlan(const SourceConfig& config, const RowShape& shape);

}  // namespace millrace

#endif  // MILLRACE_MAPPING_EVENT_PLAN_H_
