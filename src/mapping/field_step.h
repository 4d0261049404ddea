// The properties that an entry's mappings give to rows of one shape.
#ifndef MILLRACE_MAPPING_FIELD_STEP_H_
#define MILLRACE_MAPPING_FIELD_STEP_H_

#include <string>
#include <string_view>
#include <vector>

#include "formats/row.h"
#include "mapping/cell_path.h"
#include "mapping/sources_config.h"

namespace millrace {

// One cell to one property.
struct FieldStep {
  CellPath cell;
  std::string source_field;
  std::string property;
  std::string fragment;  // ,"property":
  FieldType type = FieldType::kNone;
  CompactTime time_format = CompactTime::kNone;
  bool required = false;
  bool include_if_none = false;
};

// `,"name":`
std::string KeyFragment(std::string_view name);

// The mapped fields in the order of the config, then, if "*" is mapped, the columns that are not
// mapped, are not the event's name, and do not have the name of a mapped property.
std::vector<FieldStep> CompileFields(const SourceConfig& config, const RowShape& shape);

}  // namespace millrace

#endif  // MILLRACE_MAPPING_FIELD_STEP_H_
