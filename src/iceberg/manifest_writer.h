// Writes manifests and manifest lists of tables of version 2 (Iceberg specification, "Manifests",
// "Manifest Lists").
#ifndef MILLRACE_ICEBERG_MANIFEST_WRITER_H_
#define MILLRACE_ICEBERG_MANIFEST_WRITER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "iceberg/manifest.h"
#include "iceberg/table_change.h"
#include "iceberg/table_metadata.h"

namespace millrace {

// A data file (Parquet) that a snapshot adds to a table.
struct AddedFile {
  struct Column {
    int32_t id = 0;
    uint64_t bytes = 0;
    uint64_t values = 0;  // with nulls
    std::optional<uint64_t> nulls;
    // Of columns of 64-bit integers and times.
    std::optional<int64_t> min, max;
  };

  std::string path;                  // "s3://bucket/table/data/a.parquet"
  std::optional<int32_t> partition;  // the value of the partition field, if the spec has one
  uint64_t rows = 0;
  uint64_t bytes = 0;
  std::vector<Column> columns;
};

// What a manifest says of the table.
struct ManifestSchema {
  const IcebergSchema& schema;
  int32_t spec_id = 0;
  // Nullopt: the table is not partitioned. Its transform is day, hour, month or year.
  std::optional<IcebergPartitionField> field;
};

struct WrittenManifest {
  std::string bytes;
  ManifestInfo info;  // but for its path and what the snapshot gives it
};

// The entries inherit the snapshot and the sequence number from the list, so the same manifest can
// be committed by any snapshot. The same arguments make the same bytes.
WrittenManifest WriteManifest(const ManifestSchema& schema, absl::Span<const AddedFile> files);

// The list of a snapshot. InvalidArgument if a manifest lacks a count, which old lists do not have.
absl::StatusOr<std::string> WriteManifestList(const NewSnapshot& snapshot,
                                              absl::Span<const ManifestInfo> manifests);

}  // namespace millrace

#endif  // MILLRACE_ICEBERG_MANIFEST_WRITER_H_
