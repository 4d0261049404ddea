// A table that is ready to be appended to.
#ifndef MILLRACE_CONNECTORS_ICEBERG_APPEND_TARGET_H_
#define MILLRACE_CONNECTORS_ICEBERG_APPEND_TARGET_H_

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "connectors/iceberg/catalog.h"
#include "connectors/iceberg/iceberg_spec.h"
#include "data_files/file_layout.h"
#include "iceberg/manifest_writer.h"
#include "records/table_form.h"

namespace millrace::iceberg {

struct AppendTarget {
  std::string uuid;      // of the table
  std::string location;  // the same, with '/' at its end
  data_files::FileLayout layout;
  IcebergSchema schema;
  int32_t spec_id = 0;
  std::optional<IcebergPartitionField> field;
  Unit unit = Unit::kNone;  // of the field

  // What manifests of new files say of the table.
  ManifestSchema manifest_schema() const { return {schema, spec_id, field}; }
  // Files that were sealed for this target are committed by it, whoever does so and whatever the
  // table looks like then. InvalidArgument: `note` is none.
  std::string ToNote() const;
  static absl::StatusOr<AppendTarget> FromNote(const std::string& note);
  // NotFound: such files cannot be committed to the table with this metadata. It is another one of
  // the same name, or lacks a column or the partition spec.
  absl::Status CheckFits(const IcebergMetadata& metadata) const;
  // The value of the partition field; nullopt: null, or there is no field.
  std::optional<int32_t> PartitionValueOf(data_files::PathTemplate::Partition partition) const;
};

// Creates the table if it does not exist, and adds the columns that it lacks. FailedPrecondition,
// with the table, the column and the remedy: rows of `form` do not fit into it.
absl::StatusOr<AppendTarget> PrepareTable(Catalog& catalog, const IcebergSpec& spec,
                                          const TableForm& form, const std::stop_token& stop);

// The same, but changes nothing. NotFound: there is no table.
absl::Status CheckTable(Catalog& catalog, const TableForm& form, const std::stop_token& stop);

}  // namespace millrace::iceberg

#endif  // MILLRACE_CONNECTORS_ICEBERG_APPEND_TARGET_H_
