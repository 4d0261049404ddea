#include "import/column_tally.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/strings.h"
#include "mapping/nearest_name.h"

namespace millrace {
namespace {

// True if `column` is what `wanted` names: itself, or the nested column it reaches into.
bool Reaches(std::string_view wanted, std::string_view column) {
  return wanted == column || (wanted.size() > column.size() && wanted.starts_with(column) &&
                              wanted[column.size()] == '.');
}

}  // namespace

ColumnTally::ColumnTally(const SourceConfig& config)
    : passes_all_(config.pass_through || config.mixpanel_format) {
  const auto use = [&](std::string column, std::string used_for) {
    if (!column.empty()) uses_.push_back({std::move(column), std::move(used_for)});
  };
  use(config.event_name_from_field, "the event name");
  for (const FieldMapping& mapping : config.mappings) {
    use(mapping.source_field, StrCat("\"", mapping.mixpanel_field, "\""));
  }
  for (const std::string& column : config.insert_id_columns) use(column, "\"$insert_id\"");
}

void ColumnTally::BeginObject(std::string_view uri) {
  object_ = uri;
  object_has_columns_ = false;
  last_shape_ = 0;
  for (Use& use : uses_) use.seen = false;
}

void ColumnTally::See(const std::vector<std::string>& columns) {
  object_has_columns_ = object_has_columns_ || !columns.empty();
  for (const std::string& column : columns) {
    for (Use& use : uses_) use.seen = use.seen || Reaches(use.column, column);
    if (columns_.size() < kMostColumns && known_.insert(column).second) columns_.push_back(column);
  }
}

void ColumnTally::See(const RowShape& shape) {
  if (shape.id == last_shape_) return;
  last_shape_ = shape.id;
  See(shape.names);
}

void ColumnTally::EndObject() {
  if (!object_has_columns_) return;  // no row could be read: nothing is known
  for (Use& use : uses_) {
    if (use.seen) continue;
    if (use.objects_without++ == 0) use.first_without = object_;
  }
}

std::vector<MissingColumn> ColumnTally::missing() const {
  std::vector<MissingColumn> missing;
  const std::vector<std::string_view> names(columns_.begin(), columns_.end());
  for (const Use& use : uses_) {
    if (use.objects_without == 0) continue;
    missing.push_back({use.column, use.used_for, use.objects_without, use.first_without,
                       std::string(NearestName(use.column, names))});
  }
  return missing;
}

std::vector<std::string> ColumnTally::unused() const {
  std::vector<std::string> unused;
  if (passes_all_) return unused;
  std::copy_if(columns_.begin(), columns_.end(), std::back_inserter(unused),
               [&](const std::string& column) {
                 return std::none_of(uses_.begin(), uses_.end(),
                                     [&](const Use& use) { return Reaches(use.column, column); });
               });
  return unused;
}

}  // namespace millrace
