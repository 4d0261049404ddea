// Which rows of a data file a table shows, and under which names.
#ifndef MILLRACE_ICEBERG_FILE_DESCRIBER_H_
#define MILLRACE_ICEBERG_FILE_DESCRIBER_H_

#include <memory>
#include <string>
#include <vector>

#include "formats/column_names.h"
#include "formats/table_rows.h"
#include "iceberg/table.h"

namespace millrace {

// Describes the files of one table. Thread-compatible.
class FileDescriber {
 public:
  explicit FileDescriber(const IcebergSchema& schema);

  // For OpenTableRows().
  TableRows Describe(const IcebergFile& file) const;

 private:
  std::shared_ptr<const FieldNames> by_id_;
  std::shared_ptr<const std::vector<std::string>> columns_;
  std::vector<IcebergColumn> schema_;
};

}  // namespace millrace

#endif  // MILLRACE_ICEBERG_FILE_DESCRIBER_H_
