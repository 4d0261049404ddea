#include "objects/iceberg_store.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/table_rows.h"
#include "iceberg/file_describer.h"
#include "iceberg/row_filters.h"
#include "iceberg/table.h"
#include "objects/iceberg_name.h"
#include "objects/rewritten_files.h"
#include "stores/opened_stores.h"

namespace millrace {
namespace {

constexpr std::string_view kScheme = "iceberg:";

// A data file under its name in the table, with what the table says about its rows.
class TableObject : public ObjectReader {
 public:
  TableObject(std::unique_ptr<ObjectReader> file, ObjectInfo info,
              std::shared_ptr<const TableRows> rows)
      : file_(std::move(file)), info_(std::move(info)), rows_(std::move(rows)) {}

  const ObjectInfo& info() const override { return info_; }
  absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> to) override {
    return file_->ReadAt(offset, to);
  }
  absl::Status CheckUnchanged() override { return file_->CheckUnchanged(); }
  void WillRead(absl::Span<const ByteRange> ranges) override { file_->WillRead(ranges); }
  const TableRows* table_rows() const override { return rows_.get(); }

 private:
  const std::unique_ptr<ObjectReader> file_;
  const ObjectInfo info_;
  const std::shared_ptr<const TableRows> rows_;
};

// The column that `entry` sends as the time of its records; empty: none.
std::string TimeColumnOf(const SourceConfig& entry) {
  for (const FieldMapping& mapping : entry.mappings) {
    if (mapping.mixpanel_field == "time") return mapping.source_field;
  }
  return entry.pass_through ? "time" : "";
}

absl::Status NoTimeRange(std::string_view table, std::string_view why) {
  return absl::InvalidArgumentError(
      StrCat("a time range selects rows of ", table, " by their time, and ", why));
}

class IcebergStore : public ObjectStore {
 public:
  IcebergStore(TableSelection selection, StoreOptions options)
      : selection_(std::move(selection)), stores_(std::move(options)) {}

  absl::Status List(std::string_view pattern, const Visitor& visitor,
                    const HiddenVisitor& /*hidden*/) override {
    if (!IsIcebergName(pattern)) {
      return absl::InvalidArgumentError(StrCat(pattern, " is not an Iceberg table"));
    }
    ASSIGN_OR_RETURN(IcebergTable table, OpenTable(pattern.substr(kScheme.size())));
    ASSIGN_OR_RETURN(std::vector<ObjectInfo> listed, Plan(table));
    for (const ObjectInfo& info : listed) RETURN_IF_ERROR(visitor(info));
    return absl::OkStatus();
  }

  absl::StatusOr<ObjectInfo> Find(std::string_view uri) override {
    ASSIGN_OR_RETURN(const IcebergFileParts parts, ParseIcebergFileName(uri));
    ASSIGN_OR_RETURN(IcebergFile file, FindFile(parts));
    ObjectInfo info = file.object.info;
    info.uri = std::string(uri);
    absl::MutexLock lock(&mutex_);
    if (!files_.contains(info.uri)) {
      files_[info.uri] = {std::move(file.object),
                          std::make_shared<TableRows>(describers_.at(parts.folder).Describe(file))};
    }
    return info;
  }

  absl::StatusOr<std::unique_ptr<ObjectReader>> Open(const ObjectInfo& object) override {
    std::optional<DataFile> file = KnownFile(object.uri);
    if (!file) {
      RETURN_IF_ERROR(Find(object.uri).status());
      file = KnownFile(object.uri);
    }
    ObjectInfo stored = file->object.info;
    stored.version = object.version;
    stored.size = object.size;
    ASSIGN_OR_RETURN(std::unique_ptr<ObjectReader> reader, file->object.store->Open(stored));
    return std::make_unique<TableObject>(std::move(reader), object, file->rows);
  }

  absl::StatusOr<std::unique_ptr<ObjectWriter>> Create(std::string_view uri) override {
    return absl::UnimplementedError(StrCat(uri, ": files of Iceberg tables are not written"));
  }
  absl::Status Remove(std::string_view uri) override {
    return absl::UnimplementedError(StrCat(uri, ": files of Iceberg tables are not removed"));
  }
  absl::Status Move(std::string_view from, std::string_view) override {
    return absl::UnimplementedError(StrCat(from, ": files of Iceberg tables are not moved"));
  }
  absl::Status CreateIfAbsent(std::string_view uri, std::string_view) override {
    return absl::UnimplementedError(StrCat(uri, ": files of Iceberg tables are not written"));
  }

 private:
  struct DataFile {
    StoredObject object;
    std::shared_ptr<const TableRows> rows;
  };

  StoreFor store_for() {
    return [this](std::string_view uri) { return stores_.For(uri); };
  }

  absl::StatusOr<IcebergTable> OpenTable(std::string_view place) {
    return IcebergTable::Open(store_for(), std::string(place), selection_.snapshot);
  }

  // The files of the snapshot, oldest first.
  absl::StatusOr<std::vector<ObjectInfo>> Plan(IcebergTable& table) {
    const std::string folder = table.folder();
    ASSIGN_OR_RETURN(const std::string name, IcebergTableName(folder));
    IcebergPlanOptions options;
    std::optional<ColumnRef> time;
    if (!selection_.times.is_open()) {
      ASSIGN_OR_RETURN(const IcebergColumn* column, TimeColumn(table.schema(), name));
      time = {column->name, column->id, /*may_be_missing=*/true};
      options = {.range = selection_.times, .range_column = column->id};
    }
    ASSIGN_OR_RETURN(IcebergPlan plan, table.PlanFiles(options));
    ASSIGN_OR_RETURN(PlannedFiles planned, Resolve(table, name, options, std::move(plan.files)));
    std::vector<PlannedFile>& files = planned.files;
    Log(Severity::kInfo, "reading an Iceberg table",
        {{"table", name},
         {"snapshot", table.snapshot() == nullptr ? "none" : StrCat(table.snapshot()->id)},
         {"files", files.size()}});
    std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
      return std::tie(a.file.sequence_number, a.file.object.info.uri) <
             std::tie(b.file.sequence_number, b.file.object.info.uri);
    });
    const FileDescriber describer(table.schema());
    // A claim of these changes nothing and reports the config.
    std::vector<ObjectInfo> listed = std::move(planned.imported_otherwise);
    listed.reserve(listed.size() + files.size());
    absl::MutexLock lock(&mutex_);
    for (auto& [file, is_delivered] : files) {
      TableRows rows = describer.Describe(file);
      rows.has_no_rows = is_delivered;
      const bool is_cut = time && !file.is_inside_range;
      if (is_cut) rows.filters.push_back(NewTimeFilter(selection_.times, ColumnIn(file, *time)));
      ObjectInfo info = file.object.info;
      info.uri = IcebergFileName(folder, info.uri, is_cut ? selection_.times : TimeRange());
      files_[info.uri] = {std::move(file.object), std::make_shared<TableRows>(std::move(rows))};
      listed.push_back(std::move(info));
    }
    return listed;
  }

  absl::StatusOr<PlannedFiles> Resolve(IcebergTable& table, std::string_view name,
                                       const IcebergPlanOptions& options,
                                       std::vector<IcebergFile> files) const {
    absl::flat_hash_set<int64_t> rewriting;
    for (const IcebergSnapshot& snapshot : table.metadata().snapshots) {
      if (RewritesFiles(snapshot)) rewriting.insert(snapshot.id);
    }
    const auto is_rewritten = [&](const IcebergFile& file) {
      return rewriting.contains(file.snapshot_id);
    };
    ImportedFiles imported;
    if (selection_.imported && std::any_of(files.begin(), files.end(), is_rewritten)) {
      ASSIGN_OR_RETURN(imported, selection_.imported(name));
    }
    if (!imported.empty()) {
      RewrittenFiles rewritten(table, options, imported, selection_.warnings);
      return rewritten.Resolve(std::move(files));
    }
    PlannedFiles planned;
    planned.files.reserve(files.size());
    for (IcebergFile& file : files) planned.files.push_back({std::move(file)});
    return planned;
  }

  // The column by which selection_.times selects rows.
  absl::StatusOr<const IcebergColumn*> TimeColumn(const IcebergSchema& schema,
                                                  std::string_view table) const {
    const auto entry = selection_.entry_of(table);
    if (entry == nullptr) return NoTimeRange(table, "no entry of the config matches the table");
    const std::string name = TimeColumnOf(*entry);
    if (name.empty()) {
      return NoTimeRange(table,
                         StrCat("the entry ", entry->config_id, " maps no column to \"time\""));
    }
    ASSIGN_OR_RETURN(const IcebergColumn* column, FindColumn(schema, name, table));
    RETURN_IF_ERROR(CheckTimestamp(*column, table));
    if (column->type == "timestamp" && entry->time_zone != absl::UTCTimeZone()) {
      return NoTimeRange(table, StrCat("the entry ", entry->config_id, " reads the column '", name,
                                       "' in another zone than UTC"));
    }
    return column;
  }

  // A file by the current metadata of its table, without deletes.
  absl::StatusOr<IcebergFile> FindFile(const IcebergFileParts& parts) {
    {
      absl::MutexLock lock(&mutex_);
      auto found = tables_.find(parts.folder);
      if (found == tables_.end()) {
        ASSIGN_OR_RETURN(IcebergTable table, OpenTable(parts.folder));
        describers_.emplace(parts.folder, FileDescriber(table.schema()));
        tables_.emplace(parts.folder, std::move(table));
      }
    }
    ASSIGN_OR_RETURN(StoredObject object, FindObject(store_for(), parts.file));
    absl::MutexLock lock(&mutex_);
    return tables_.at(parts.folder).FileWithoutDeletes(std::move(object));
  }

  std::optional<DataFile> KnownFile(const std::string& uri) {
    absl::MutexLock lock(&mutex_);
    const auto found = files_.find(uri);
    return found == files_.end() ? std::nullopt : std::optional(found->second);
  }

  const TableSelection selection_;
  OpenedStores stores_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, DataFile> files_ ABSL_GUARDED_BY(mutex_);  // by name
  // Of Find(), by folder.
  absl::flat_hash_map<std::string, IcebergTable> tables_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, FileDescriber> describers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<ObjectStore> NewIcebergStore(TableSelection selection, StoreOptions options) {
  return std::make_unique<IcebergStore>(std::move(selection), std::move(options));
}

absl::StatusOr<std::unique_ptr<ObjectStore>> OpenInputStore(std::string_view uri,
                                                            const StoreOptions& options,
                                                            TableSelection selection) {
  if (IsIcebergName(uri)) return NewIcebergStore(std::move(selection), options);
  return OpenStore(uri, options);
}

}  // namespace millrace
