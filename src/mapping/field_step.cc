#include "mapping/field_step.h"

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/json_writer.h"

namespace millrace {

std::string KeyFragment(std::string_view name) {
  std::string fragment = ",";
  AppendJsonString(fragment, name);
  fragment += ':';
  return fragment;
}

std::vector<FieldStep> CompileFields(const SourceConfig& config, const RowShape& shape) {
  std::vector<FieldStep> steps;
  absl::flat_hash_set<std::string> taken;
  if (!config.event_name_from_field.empty()) taken.insert(config.event_name_from_field);
  for (const FieldMapping& mapping : config.mappings) {
    steps.push_back({.cell = FindCell(shape, mapping.source_field),
                     .source_field = mapping.source_field,
                     .property = mapping.mixpanel_field,
                     .fragment = KeyFragment(mapping.mixpanel_field),
                     .type = mapping.type,
                     .time_format = mapping.time_format,
                     .required = mapping.required,
                     .include_if_none = mapping.include_if_none});
    taken.insert(mapping.source_field);
    taken.insert(mapping.mixpanel_field);
  }
  if (!config.pass_through && !config.mixpanel_format) return steps;
  absl::flat_hash_map<std::string_view, int> columns;
  for (size_t i = 0; i < shape.names.size(); ++i) columns[shape.names[i]] = static_cast<int>(i);
  for (const std::string& name : shape.names) {
    if (!taken.insert(name).second) continue;
    steps.push_back({.cell = {columns[name], {}},
                     .source_field = name,
                     .property = name,
                     .fragment = KeyFragment(name)});
  }
  return steps;
}

}  // namespace millrace
