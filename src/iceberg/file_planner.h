// Finds the data files of a snapshot and their deletes.
#ifndef MILLRACE_ICEBERG_FILE_PLANNER_H_
#define MILLRACE_ICEBERG_FILE_PLANNER_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "iceberg/manifest.h"
#include "iceberg/table.h"

namespace millrace {

// Sets file.mapped_names if the table has a name mapping and the file has no field ids.
absl::Status MapNames(const IcebergMetadata& metadata, IcebergFile& file);

// For single use; its first three arguments must outlive it.
class FilePlanner {
 public:
  FilePlanner(const IcebergMetadata& metadata, const IcebergSnapshot& snapshot, TableFiles& files,
              const IcebergPlanOptions& options);

  absl::StatusOr<IcebergPlan> Plan();
  absl::StatusOr<IcebergChanges> ReadChanges();

 private:
  // Equality deletes apply within one partition, or everywhere if their spec has no fields.
  using Scope = std::pair<std::string, std::vector<int32_t>>;  // partition (empty: all), column ids

  absl::Status ListManifests();
  absl::Status ReadEntries(const ManifestInfo& manifest);
  absl::Status ReadDeleteFiles();
  absl::Status ReadDeleteFile(const ManifestEntry& entry);
  absl::StatusOr<IcebergFile> PlanFile(const ManifestEntry& entry);
  absl::Span<const IcebergPartitionField> SpecOf(int32_t id) const;
  // Equal for files of the same partition of the same spec; empty if the spec has no fields, or
  // only void ones.
  std::string PartitionOf(const ManifestEntry& entry) const;
  absl::StatusOr<StoredObject> FindFile(const ManifestEntry& entry);

  const IcebergMetadata& metadata_;
  const IcebergSnapshot& snapshot_;
  TableFiles& files_;
  const IcebergPlanOptions options_;

  std::vector<ManifestInfo> manifests_;
  std::vector<ManifestEntry> data_;
  std::vector<ManifestEntry> deletes_;
  PositionDeletes position_deletes_;
  std::map<Scope, std::shared_ptr<EqualityDeletes>> equality_deletes_;
  size_t keys_left_ = kMaxDeletedRows;
  IcebergPlan plan_;
};

}  // namespace millrace

#endif  // MILLRACE_ICEBERG_FILE_PLANNER_H_
