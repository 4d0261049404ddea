#include "iceberg/file_describer.h"

#include <utility>

#include "iceberg/row_filters.h"

namespace millrace {

FileDescriber::FileDescriber(const IcebergSchema& schema) : schema_(schema.columns) {
  auto names = std::make_shared<FieldNames>();
  names->by_id = schema.names_by_id;
  by_id_ = std::move(names);
  auto columns = std::make_shared<std::vector<std::string>>();
  for (const IcebergColumn& column : schema.columns) columns->push_back(column.name);
  columns_ = std::move(columns);
}

TableRows FileDescriber::Describe(const IcebergFile& file) const {
  TableRows rows{.names = by_id_, .columns = columns_, .deleted_rows = file.deleted_rows};
  rows.filters = EqualityFiltersOf(file);
  if (file.mapped_names == nullptr) return rows;
  auto names = std::make_shared<FieldNames>();
  names->by_name.emplace();
  for (const IcebergColumn& column : schema_) {
    const auto stored = file.mapped_names->find(column.id);
    if (stored != file.mapped_names->end()) (*names->by_name)[stored->second] = column.name;
  }
  rows.names = std::move(names);
  return rows;
}

}  // namespace millrace
