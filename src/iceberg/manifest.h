// Manifest lists and manifests of an Iceberg table (Iceberg specification, "Manifests",
// "Snapshots"): which files a snapshot consists of.
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

// A value of a partition field. Texts and binary values stay bytes; everything whole is an integer.
struct PartitionValue {
  bool is_null = true;
  std::optional<int64_t> integer;
  std::string text;  // tells values of the same field apart
};

// The least and greatest value of one partition field in a manifest, as stored: little-endian.
struct PartitionSummary {
  std::optional<std::string> lower, upper;
};

struct ManifestInfo {
  std::string path;
  int32_t spec_id = 0;
  bool holds_deletes = false;
  int64_t sequence_number = 0;               // 0 in tables of version 1
  std::vector<PartitionSummary> partitions;  // empty: not told
};

enum class FileContent : uint8_t { kData = 0, kPositionDeletes = 1, kEqualityDeletes = 2 };

struct ManifestEntry {
  FileContent content = FileContent::kData;
  std::string path;    // as the table calls it; position deletes refer to it
  std::string format;  // "PARQUET", ...
  int32_t spec_id = 0;
  int64_t sequence_number = 0;  // of the data, inherited from the manifest if it has none
  int64_t rows = 0;
  int64_t bytes = 0;
  std::vector<PartitionValue> partition;
  std::map<int32_t, std::string> lower_bounds, upper_bounds;  // by column id, as stored
  std::vector<int32_t> equality_ids;
};

using ManifestVisitor = std::function<absl::Status(ManifestInfo)>;
using EntryVisitor = std::function<absl::Status(ManifestEntry)>;

// Each without the file's name. DataLoss where a field is missing that has to be there; others as
// of ReadAvroFile and the visitor.
absl::Status ReadManifestList(InputStream& stream, const ManifestVisitor& visitor);
// Entries that are marked as deleted are left out. Bounds are kept for the columns `bounds_of`
// only.
absl::Status ReadManifest(InputStream& stream, const ManifestInfo& manifest,
                          const std::vector<int32_t>& bounds_of, const EntryVisitor& visitor);

}  // namespace millrace

#endif  // MILLRACE_ICEBERG_MANIFEST_H_
