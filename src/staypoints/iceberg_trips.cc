#include "staypoints/iceberg_trips.h"

#include <map>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

// Rows whose start is outside a range, or null.
class StartFilter : public RowFilter {
 public:
  StartFilter(TimeRange range, ColumnRef start) : range_(range), columns_({std::move(start)}) {}

  const std::vector<ColumnRef>& columns() const override { return columns_; }

  bool Drops(absl::Span<const Value> values) const override {
    const Value& value = values[0];
    if (value.kind != Value::Kind::kTimestamp) return true;
    const __int128 time = InMicros(value);
    return (range_.from && time < *range_.from) || (range_.to && time >= *range_.to);
  }

 private:
  // Nanoseconds are rounded down.
  static __int128 InMicros(const Value& value) {
    switch (value.unit) {
      case Value::Unit::kSecond:
        return static_cast<__int128>(value.integer) * 1'000'000;
      case Value::Unit::kMilli:
        return static_cast<__int128>(value.integer) * 1000;
      case Value::Unit::kMicro:
        return value.integer;
      case Value::Unit::kNano:
        return value.integer / 1000 - (value.integer % 1000 < 0 ? 1 : 0);
    }
    return 0;
  }

  const TimeRange range_;
  const std::vector<ColumnRef> columns_;
};

class EqualityFilter : public RowFilter {
 public:
  EqualityFilter(std::shared_ptr<const EqualityDeletes> deletes, std::vector<ColumnRef> columns,
                 int64_t data_sequence)
      : deletes_(std::move(deletes)), columns_(std::move(columns)), sequence_(data_sequence) {}

  const std::vector<ColumnRef>& columns() const override { return columns_; }
  bool Drops(absl::Span<const Value> values) const override {
    return deletes_->Drops(values, sequence_);
  }

 private:
  const std::shared_ptr<const EqualityDeletes> deletes_;
  const std::vector<ColumnRef> columns_;
  const int64_t sequence_;
};

class IcebergTrips : public TripSource {
 public:
  explicit IcebergTrips(IcebergTripsOptions options) : options_(std::move(options)) {}

  absl::StatusOr<std::vector<TripFile>> List() override {
    ASSIGN_OR_RETURN(IcebergTable table,
                     IcebergTable::Open([this](std::string_view uri) { return StoreOf(uri); },
                                        options_.table, options_.snapshot));
    IcebergPlanOptions plan_options;
    TripColumnRefs columns;
    for (size_t i = 0; i < kTripColumns; ++i) {
      ASSIGN_OR_RETURN(const IcebergColumn* column, FindColumn(table, options_.names[i].name));
      columns[i] = {column->name, column->id, /*may_be_missing=*/true};
      if (i == kStartTime && !options_.starts.is_open()) {
        RETURN_IF_ERROR(CheckTimestamp(*column));
        plan_options.range = options_.starts;
        plan_options.range_column = column->id;
      }
    }
    patterns_ = {FolderOf(table.metadata_uri()), NormalLocation(table.metadata().location)};
    std::erase(patterns_, "");
    ASSIGN_OR_RETURN(IcebergPlan plan, table.PlanFiles(plan_options));
    std::vector<TripFile> files;
    files.reserve(plan.files.size());
    const auto by_id = std::make_shared<const TripColumnRefs>(columns);
    for (IcebergFile& file : plan.files) files.push_back(MakeFile(std::move(file), by_id));
    return files;
  }

  std::vector<std::string> patterns() const override { return patterns_; }

 private:
  // The table of that metadata file: FOLDER/metadata/00001.metadata.json.
  static std::string FolderOf(std::string_view metadata_uri) {
    std::string_view folder = metadata_uri.substr(0, metadata_uri.rfind('/'));
    constexpr std::string_view kUsual = "/metadata";
    if (folder.ends_with(kUsual)) folder.remove_suffix(kUsual.size());
    return std::string(folder);
  }

  absl::StatusOr<const IcebergColumn*> FindColumn(const IcebergTable& table,
                                                  const std::string& name) const {
    const IcebergColumn* column = table.schema().Find(name);
    if (column != nullptr) return column;
    std::string names;
    for (const IcebergColumn& known : table.schema().columns) {
      StrAppend(&names, names.empty() ? "" : ", ", known.name);
    }
    return absl::InvalidArgumentError(StrCat("the Iceberg table ", options_.table,
                                             " has no column '", name, "'; it has: ", names));
  }

  absl::Status CheckTimestamp(const IcebergColumn& column) const {
    if (column.type == "timestamp" || column.type == "timestamptz") return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat("a time range needs a timestamp column: the column '",
                                             column.name, "' of the Iceberg table ", options_.table,
                                             " is of the type ", column.type));
  }

  // How a column is found in `file`: by id, or in files without ids by its name in the name
  // mapping. A column that the mapping does not contain is looked up by id, which finds nothing.
  ColumnRef InFile(const IcebergFile& file, ColumnRef column) const {
    if (file.mapped_names == nullptr) return column;
    const auto mapped = file.mapped_names->find(*column.field_id);
    if (mapped == file.mapped_names->end()) return column;
    column.field_id.reset();
    column.name = mapped->second;
    return column;
  }

  TripFile MakeFile(IcebergFile file, const std::shared_ptr<const TripColumnRefs>& by_id) const {
    TripFile made;
    made.store = file.object.store;
    made.object = std::move(file.object.info);
    made.deleted_rows = std::move(file.deleted_rows);
    made.columns = by_id;
    if (file.mapped_names != nullptr) {
      TripColumnRefs by_name = *by_id;
      for (ColumnRef& column : by_name) column = InFile(file, std::move(column));
      made.columns = std::make_shared<const TripColumnRefs>(std::move(by_name));
    }
    if (!options_.starts.is_open()) {
      made.filters.push_back(
          std::make_shared<StartFilter>(options_.starts, (*made.columns)[kStartTime]));
    }
    for (const auto& deletes : file.equality_deletes) {
      std::vector<ColumnRef> columns;
      for (const int32_t id : deletes->column_ids()) {
        columns.push_back(InFile(file, {StrCat("field ", id), id, /*may_be_missing=*/true}));
      }
      made.filters.push_back(
          std::make_shared<EqualityFilter>(deletes, std::move(columns), file.sequence_number));
    }
    return made;
  }

  absl::StatusOr<ObjectStore*> StoreOf(std::string_view uri) {
    const size_t scheme = uri.find("://");
    const std::string place(scheme == uri.npos ? "" : uri.substr(0, uri.find('/', scheme + 3)));
    std::unique_ptr<ObjectStore>& store = stores_[place];
    if (store == nullptr) {
      ASSIGN_OR_RETURN(store, OpenStore(uri, options_.stores));
    }
    return store.get();
  }

  const IcebergTripsOptions options_;
  std::vector<std::string> patterns_;
  std::map<std::string, std::unique_ptr<ObjectStore>> stores_;  // by scheme and bucket
};

}  // namespace

std::unique_ptr<TripSource> NewIcebergTrips(IcebergTripsOptions options) {
  return std::make_unique<IcebergTrips>(std::move(options));
}

}  // namespace millrace
