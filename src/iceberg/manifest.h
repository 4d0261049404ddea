// Reads manifest lists and manifests of an Iceberg table (Iceberg specification, "Manifests",
// "Snapshots"): the files of a snapshot.
#ifndef MILLRACE_ICEBERG_MANIFEST_H_
#define MILLRACE_ICEBERG_MANIFEST_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "io/input_stream.h"

namespace millrace {

// A value of a partition field. Text and binary values stay bytes; all integral types are integers.
struct PartitionValue {
  bool is_null = true;
  std::optional<int64_t> integer;
  std::string text;  // distinguishes values of the same field
};

// The values of one partition field in a manifest. Bounds are as stored: little-endian.
struct PartitionSummary {
  std::optional<std::string> lower, upper;
  bool has_null = false;
  std::optional<bool> has_nan;
};

struct ManifestInfo {
  std::string path;
  int64_t bytes = 0;
  int32_t spec_id = 0;
  bool holds_deletes = false;
  int64_t sequence_number = 0;  // 0 in tables of version 1
  int64_t min_sequence_number = 0;
  int64_t added_by = 0;  // the snapshot; 0: not given
  // Entries of a manifest by their status, and their rows. Old lists do not have them.
  struct Counts {
    std::optional<int64_t> added, existing, removed;
  };
  Counts files, rows;
  std::vector<PartitionSummary> partitions;  // empty: not given
  std::optional<std::string> key_metadata;   // of encryption
};

enum class FileContent : uint8_t { kData = 0, kPositionDeletes = 1, kEqualityDeletes = 2 };

struct ManifestEntry {
  FileContent content = FileContent::kData;
  std::string path;    // as in the table; position deletes refer to it
  std::string format;  // "PARQUET", ...
  int32_t spec_id = 0;
  int64_t sequence_number = 0;  // of the data, inherited from the manifest if it has none
  // The snapshot that added the file, or that removed it; inherited in the same way. 0: not given.
  int64_t snapshot_id = 0;
  bool is_removed = false;  // from the table, by this manifest
  int64_t rows = 0;
  int64_t bytes = 0;
  std::vector<PartitionValue> partition;
  std::map<int32_t, std::string> lower_bounds, upper_bounds;  // by column id, as stored
  std::map<int32_t, int64_t> null_counts;                     // the same
  std::vector<int32_t> equality_ids;
  bool is_inside_range = false;  // set by a plan: see IcebergFile
};

using ManifestVisitor = std::function<absl::Status(ManifestInfo)>;
using EntryVisitor = std::function<absl::Status(ManifestEntry)>;

// Messages do not name the file. DataLoss if a required field is missing; others from ReadAvroFile
// and the visitor.
absl::Status ReadManifestList(InputStream& stream, const ManifestVisitor& visitor);
enum class EntryKind { kLive, kAny };
// Passes the files that are in the table, and with kAny also those that this manifest removes from
// it. Statistics are kept only for the columns `bounds_of`.
absl::Status ReadManifest(InputStream& stream, const ManifestInfo& manifest,
                          const std::vector<int32_t>& bounds_of, const EntryVisitor& visitor,
                          EntryKind kind = EntryKind::kLive);

}  // namespace millrace

#endif  // MILLRACE_ICEBERG_MANIFEST_H_
