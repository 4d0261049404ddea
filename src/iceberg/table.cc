#include "iceberg/table.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "iceberg/file_planner.h"
#include "iceberg/metadata_file.h"

namespace millrace {

absl::StatusOr<IcebergTable> IcebergTable::Open(StoreFor store_for, const std::string& path,
                                                const SnapshotChoice& choice) {
  const std::string context = StrCat("opening the Iceberg table ", path);
  const auto open = [&]() -> absl::StatusOr<IcebergTable> {
    ASSIGN_OR_RETURN(const MetadataFile file, FindMetadataFile(store_for, path));
    IcebergTable table;
    table.metadata_uri_ = file.object.info.uri;
    ASSIGN_OR_RETURN(const std::string text, ReadMetadataText(file.object));
    ASSIGN_OR_RETURN(table.metadata_, ParseIcebergMetadata(text));
    ASSIGN_OR_RETURN(table.snapshot_, ChooseSnapshot(table.metadata_, choice));
    ASSIGN_OR_RETURN(table.schema_, SchemaOf(table.metadata_, table.snapshot_, choice));
    table.files_ = std::make_unique<TableFiles>(std::move(store_for), file.table_folder,
                                                table.metadata_.location);
    return table;
  };
  absl::StatusOr<IcebergTable> table = open();
  if (!table.ok()) return Annotate(table.status(), context);
  return table;
}

absl::StatusOr<const IcebergColumn*> FindColumn(const IcebergSchema& schema, std::string_view name,
                                                std::string_view table) {
  const IcebergColumn* const column = schema.Find(name);
  if (column != nullptr) return column;
  std::string names;
  for (const IcebergColumn& known : schema.columns) {
    StrAppend(&names, names.empty() ? "" : ", ", known.name);
  }
  return absl::InvalidArgumentError(
      StrCat("the Iceberg table ", table, " has no column '", name, "'; it has: ", names));
}

absl::Status CheckTimestamp(const IcebergColumn& column, std::string_view table) {
  if (column.type == "timestamp" || column.type == "timestamptz") return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("a time range needs a timestamp column: the column '",
                                           column.name, "' of the Iceberg table ", table,
                                           " is of the type ", column.type));
}

std::string IcebergTable::folder() const {
  std::string_view folder = std::string_view(metadata_uri_).substr(0, metadata_uri_.rfind('/'));
  constexpr std::string_view kUsual = "/metadata";
  if (folder.ends_with(kUsual)) folder.remove_suffix(kUsual.size());
  return std::string(folder);
}

absl::StatusOr<IcebergFile> IcebergTable::FileWithoutDeletes(StoredObject object) const {
  IcebergFile file;
  file.object = std::move(object);
  RETURN_IF_ERROR(MapNames(metadata_, file));
  return file;
}

absl::StatusOr<IcebergPlan> IcebergTable::PlanFiles(const IcebergPlanOptions& options) {
  if (snapshot_ == nullptr) return IcebergPlan();
  FilePlanner planner(metadata_, *snapshot_, *files_, options);
  absl::StatusOr<IcebergPlan> plan = planner.Plan();
  if (!plan.ok()) return Annotate(plan.status(), ContextOf(*snapshot_));
  return plan;
}

absl::StatusOr<IcebergChanges> IcebergTable::ChangesOf(const IcebergSnapshot& snapshot,
                                                       const IcebergPlanOptions& options) {
  FilePlanner planner(metadata_, snapshot, *files_, options);
  absl::StatusOr<IcebergChanges> changes = planner.ReadChanges();
  if (!changes.ok()) return Annotate(changes.status(), ContextOf(snapshot));
  return changes;
}

std::string IcebergTable::ContextOf(const IcebergSnapshot& snapshot) const {
  return StrCat("reading snapshot ", snapshot.id, " of ", metadata_uri_);
}

}  // namespace millrace
