#include "iceberg/file_planner.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/parquet_field_ids.h"

namespace millrace {
namespace {

constexpr size_t kMaxManifests = 1'000'000;
constexpr size_t kMaxFiles = 5'000'000;

absl::Status CheckFormat(const ManifestEntry& entry) {
  const std::string format = absl::AsciiStrToUpper(entry.format);
  if (format == "PARQUET") return absl::OkStatus();
  if (format == "PUFFIN") {
    return absl::UnimplementedError(
        StrCat(entry.path,
               " is a deletion vector, which is not supported; rewrite the deletes as "
               "position delete files or compact the table"));
  }
  return absl::UnimplementedError(
      StrCat(entry.path, " is an ", format.substr(0, 40), " file; only Parquet is supported"));
}

// Column id -> the first of its names in `mapping` that is one of `names`.
std::shared_ptr<const std::map<int32_t, std::string>> FindMapped(
    const std::map<int32_t, std::vector<std::string>>& mapping,
    const std::vector<std::string>& names) {
  auto found = std::make_shared<std::map<int32_t, std::string>>();
  for (const auto& [id, candidates] : mapping) {
    const auto first =
        std::find_first_of(candidates.begin(), candidates.end(), names.begin(), names.end());
    if (first != candidates.end()) (*found)[id] = *first;
  }
  return found;
}

}  // namespace

// Files are opened only if the table has some without ids.
absl::Status MapNames(const IcebergMetadata& metadata, IcebergFile& file) {
  if (!metadata.has_name_mapping) return absl::OkStatus();
  const auto check = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(std::shared_ptr<ObjectReader> reader,
                     file.object.store->Open(file.object.info));
    ASSIGN_OR_RETURN(const ParquetFieldIds ids, ReadParquetFieldIds(std::move(reader)));
    if (ids.names_by_id.empty()) file.mapped_names = FindMapped(metadata.name_mapping, ids.names);
    return absl::OkStatus();
  };
  return Annotate(check(), StrCat("reading ", file.object.info.uri));
}

FilePlanner::FilePlanner(const IcebergMetadata& metadata, const IcebergSnapshot& snapshot,
                         TableFiles& files, const IcebergPlanOptions& options)
    : metadata_(metadata), snapshot_(snapshot), files_(files), options_(options) {}

absl::StatusOr<IcebergPlan> FilePlanner::Plan() {
  RETURN_IF_ERROR(ListManifests());
  for (const ManifestInfo& manifest : manifests_) {
    RETURN_IF_ERROR(
        Annotate(ReadEntries(manifest), StrCat("reading the manifest ", manifest.path)));
  }
  if (!data_.empty()) RETURN_IF_ERROR(ReadDeleteFiles());
  plan_.files.reserve(data_.size());
  for (const ManifestEntry& entry : data_) {
    ASSIGN_OR_RETURN(plan_.files.emplace_back(), PlanFile(entry));
  }
  return std::move(plan_);
}

absl::StatusOr<IcebergChanges> FilePlanner::ReadChanges() {
  RETURN_IF_ERROR(ListManifests());
  IcebergChanges changes;
  for (const ManifestInfo& manifest : manifests_) {
    // Old tables do not say which snapshot added a manifest.
    const bool is_older = manifest.added_by != 0 && manifest.added_by != snapshot_.id;
    if (manifest.holds_deletes || is_older) continue;
    const auto spec = SpecOf(manifest.spec_id);
    const auto keep = [&](ManifestEntry entry) -> absl::Status {
      if (entry.snapshot_id != snapshot_.id) return absl::OkStatus();
      const bool may_hold =
          !options_.range || MayHold(*options_.range, options_.range_column, spec, entry);
      if (entry.is_removed && !may_hold) return absl::OkStatus();
      if (changes.added.size() + changes.removed.size() == kMaxFiles) {
        return absl::ResourceExhaustedError("the snapshot changed more than 5,000,000 files");
      }
      (entry.is_removed ? changes.removed : changes.added).push_back(std::move(entry.path));
      return absl::OkStatus();
    };
    const auto read = [&]() -> absl::Status {
      ASSIGN_OR_RETURN(const StoredObject object, files_.Find(manifest.path));
      return ReadObject(object, [&](InputStream& stream) {
        return ReadManifest(stream, manifest, {options_.range_column}, keep, EntryKind::kAny);
      });
    };
    RETURN_IF_ERROR(Annotate(read(), StrCat("reading the manifest ", manifest.path)));
  }
  return changes;
}

absl::Status FilePlanner::ListManifests() {
  for (const std::string& path : snapshot_.manifests) manifests_.push_back({.path = path});
  if (snapshot_.manifest_list.empty()) return absl::OkStatus();
  const auto list = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const StoredObject object, files_.Find(snapshot_.manifest_list));
    return ReadObject(object, [&](InputStream& stream) {
      return ReadManifestList(stream, [&](ManifestInfo manifest) {
        if (manifests_.size() == kMaxManifests) {
          return absl::ResourceExhaustedError("it lists more than 1,000,000 manifests");
        }
        manifests_.push_back(std::move(manifest));
        return absl::OkStatus();
      });
    });
  };
  return Annotate(list(), StrCat("reading the manifest list ", snapshot_.manifest_list));
}

absl::Status FilePlanner::ReadEntries(const ManifestInfo& manifest) {
  const auto spec = SpecOf(manifest.spec_id);
  if (options_.range && !MayHold(*options_.range, options_.range_column, spec, manifest)) {
    ++plan_.skipped_manifests;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const StoredObject object, files_.Find(manifest.path));
  const auto keep = [&](ManifestEntry entry) -> absl::Status {
    RETURN_IF_ERROR(CheckFormat(entry));
    if ((entry.content != FileContent::kData) != manifest.holds_deletes) {
      return absl::DataLossError(StrCat("it mixes data and deletes: ", entry.path));
    }
    // Delete files are selected by partition only: their bounds are of other columns, or of keys.
    if (options_.range && manifest.holds_deletes) entry.lower_bounds.clear();
    if (options_.range && manifest.holds_deletes) entry.upper_bounds.clear();
    if (options_.range && !MayHold(*options_.range, options_.range_column, spec, entry)) {
      if (!manifest.holds_deletes) ++plan_.skipped_files;
      return absl::OkStatus();
    }
    if (data_.size() + deletes_.size() == kMaxFiles) {
      return absl::ResourceExhaustedError("the snapshot has more than 5,000,000 files");
    }
    entry.is_inside_range =
        options_.range && HoldsOnly(*options_.range, options_.range_column, entry);
    entry.lower_bounds.clear();
    entry.upper_bounds.clear();
    entry.null_counts.clear();
    (manifest.holds_deletes ? deletes_ : data_).push_back(std::move(entry));
    return absl::OkStatus();
  };
  return ReadObject(object, [&](InputStream& stream) {
    return ReadManifest(stream, manifest, {options_.range_column}, keep);
  });
}

absl::Status FilePlanner::ReadDeleteFiles() {
  int64_t oldest = data_.front().sequence_number;
  for (const ManifestEntry& entry : data_) oldest = std::min(oldest, entry.sequence_number);
  for (const ManifestEntry& entry : deletes_) {
    if (entry.sequence_number < oldest) continue;
    RETURN_IF_ERROR(Annotate(ReadDeleteFile(entry), StrCat("reading deletes of ", entry.path)));
  }
  return absl::OkStatus();
}

absl::Status FilePlanner::ReadDeleteFile(const ManifestEntry& entry) {
  ASSIGN_OR_RETURN(const StoredObject object, FindFile(entry));
  if (entry.content == FileContent::kPositionDeletes) {
    return position_deletes_.Add(object, entry.sequence_number);
  }
  if (entry.equality_ids.empty()) return absl::DataLossError("equality deletes without columns");
  std::shared_ptr<EqualityDeletes>& deletes =
      equality_deletes_[{PartitionOf(entry), entry.equality_ids}];
  if (deletes == nullptr) deletes = std::make_shared<EqualityDeletes>(entry.equality_ids);
  return deletes->Add(object, entry.sequence_number, keys_left_);
}

absl::StatusOr<IcebergFile> FilePlanner::PlanFile(const ManifestEntry& entry) {
  IcebergFile file;
  ASSIGN_OR_RETURN(file.object, FindFile(entry));
  file.path = entry.path;
  file.snapshot_id = entry.snapshot_id;
  file.rows = static_cast<uint64_t>(std::max<int64_t>(0, entry.rows));
  file.sequence_number = entry.sequence_number;
  file.is_inside_range = entry.is_inside_range;
  file.deleted_rows = position_deletes_.Of(entry.path, entry.sequence_number);
  const std::string partition = PartitionOf(entry);
  for (const auto& [scope, deletes] : equality_deletes_) {
    if (scope.first.empty() || scope.first == partition) file.equality_deletes.push_back(deletes);
  }
  RETURN_IF_ERROR(MapNames(metadata_, file));
  return file;
}

absl::Span<const IcebergPartitionField> FilePlanner::SpecOf(int32_t id) const {
  const auto found = metadata_.partition_specs.find(id);
  if (found == metadata_.partition_specs.end()) return {};
  return found->second;
}

std::string FilePlanner::PartitionOf(const ManifestEntry& entry) const {
  const auto spec = SpecOf(entry.spec_id);
  const auto is_void = [](const IcebergPartitionField& field) { return field.transform == "void"; };
  // Version 1 keeps removed fields, as void ones.
  const bool is_unpartitioned = !spec.empty() && std::all_of(spec.begin(), spec.end(), is_void);
  if (entry.partition.empty() || is_unpartitioned) return "";
  std::string key = StrCat(entry.spec_id);
  for (const PartitionValue& value : entry.partition) {
    StrAppend(&key, value.is_null ? "|n" : "|", value.is_null ? 0 : value.text.size(), ":",
              value.text);
  }
  return key;
}

absl::StatusOr<StoredObject> FilePlanner::FindFile(const ManifestEntry& entry) {
  absl::StatusOr<StoredObject> found = files_.Find(entry.path);
  if (absl::IsNotFound(found.status())) {
    return absl::NotFoundError(
        StrCat("the table lists a file that no longer exists: ", found.status().message(),
               " (an expired snapshot, or files that were deleted by hand)"));
  }
  if (!found.ok()) return found;
  if (entry.bytes > 0 && static_cast<uint64_t>(entry.bytes) != found->info.size) {
    return absl::DataLossError(StrCat(found->info.uri, " has ", found->info.size,
                                      " bytes, but the table says ", entry.bytes));
  }
  return found;
}

}  // namespace millrace
