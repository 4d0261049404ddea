#include "mapping/event_plan.h"

#include <utility>

namespace millrace {
namespace {

bool IsUserId(std::string_view property) {
  return property == "distinct_id" || property == "$user_id" || property == "$device_id";
}

}  // namespace

EventPlan CompileEventPlan(const SourceConfig& config, const RowShape& shape) {
  EventPlan plan;
  if (!config.event_name_from_field.empty()) {
    plan.name = FindCell(shape, config.event_name_from_field);
  }
  for (FieldStep& step : CompileFields(config, shape)) {
    const bool generated = step.type == FieldType::kStringOrUuid && step.property != "$insert_id" &&
                           step.property != "time";
    plan.generates_ids = plan.generates_ids || generated;
    if (step.property == "time") {
      step.type = FieldType::kUnixTimestampAuto;
      plan.time = std::move(step);
    } else if (step.property == "$insert_id") {
      plan.insert_id = std::move(step);
    } else if (IsUserId(step.property)) {
      plan.user_ids.push_back(std::move(step));
    } else {
      plan.properties.push_back(std::move(step));
    }
  }
  for (const std::string& column : config.insert_id_columns) {
    plan.insert_id_columns.push_back(
        {.cell = FindCell(shape, column), .source_field = column, .fragment = KeyFragment(column)});
  }
  return plan;
}

}  // namespace millrace
