#include "plan/column_stats.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/nearest_name.h"

namespace millrace {
ColumnStats::ColumnStats(const SourceConfig& config)
    : passes_all_(config.pass_through || config.mixpanel_format) {
  for (ColumnUse& use : ColumnUsesOf(config)) uses_.push_back({.column = std::move(use)});
}

void ColumnStats::BeginObject(std::string_view uri) {
  object_ = uri;
  object_has_columns_ = false;
  last_shape_ = 0;
  for (Use& use : uses_) use.seen = false;
}

void ColumnStats::See(const std::vector<std::string>& columns) {
  object_has_columns_ = object_has_columns_ || !columns.empty();
  for (const std::string& column : columns) {
    for (Use& use : uses_) use.seen = use.seen || ReachesColumn(use.column.column, column);
    if (columns_.size() < kMaxColumns && known_.insert(column).second) columns_.push_back(column);
  }
}

void ColumnStats::See(const RowShape& shape) {
  if (shape.id == last_shape_) return;
  last_shape_ = shape.id;
  See(shape.names);
}

void ColumnStats::EndObject() {
  if (!object_has_columns_) return;  // no row could be read: the columns are unknown
  for (Use& use : uses_) {
    if (use.seen) continue;
    if (use.objects_without++ == 0) use.first_without = object_;
  }
}

std::vector<MissingColumn> ColumnStats::missing() const {
  std::vector<MissingColumn> missing;
  const std::vector<std::string_view> names(columns_.begin(), columns_.end());
  for (const Use& use : uses_) {
    if (use.objects_without == 0) continue;
    missing.push_back({use.column.column, use.column.used_for, use.objects_without,
                       use.first_without, std::string(NearestName(use.column.column, names))});
  }
  return missing;
}

std::vector<std::string> ColumnStats::unused() const {
  std::vector<std::string> unused;
  if (passes_all_) return unused;
  std::copy_if(columns_.begin(), columns_.end(), std::back_inserter(unused),
               [&](const std::string& column) {
                 return std::none_of(uses_.begin(), uses_.end(), [&](const Use& use) {
                   return ReachesColumn(use.column.column, column);
                 });
               });
  return unused;
}

}  // namespace millrace
