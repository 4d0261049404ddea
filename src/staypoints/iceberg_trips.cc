#include "staypoints/iceberg_trips.h"

#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "iceberg/row_filters.h"
#include "stores/opened_stores.h"

namespace millrace {
namespace {

class IcebergTrips : public TripSource {
 public:
  explicit IcebergTrips(IcebergTripsOptions options)
      : options_(std::move(options)), stores_(options_.stores) {}

  absl::StatusOr<std::vector<TripFile>> List() override {
    ASSIGN_OR_RETURN(IcebergTable table,
                     IcebergTable::Open([this](std::string_view uri) { return stores_.For(uri); },
                                        options_.table, options_.snapshot));
    IcebergPlanOptions plan_options;
    TripColumnRefs columns;
    for (size_t i = 0; i < kTripColumns; ++i) {
      ASSIGN_OR_RETURN(const IcebergColumn* column,
                       FindColumn(table.schema(), options_.names[i].name, options_.table));
      columns[i] = {column->name, column->id, /*may_be_missing=*/true};
      if (i == kStartTime && !options_.starts.is_open()) {
        RETURN_IF_ERROR(CheckTimestamp(*column, options_.table));
        plan_options.range = options_.starts;
        plan_options.range_column = column->id;
      }
    }
    patterns_ = {table.folder(), NormalLocation(table.metadata().location)};
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
  TripFile MakeFile(IcebergFile file, const std::shared_ptr<const TripColumnRefs>& by_id) const {
    TripFile made;
    made.store = file.object.store;
    made.object = std::move(file.object.info);
    made.deleted_rows = std::move(file.deleted_rows);
    made.columns = by_id;
    if (file.mapped_names != nullptr) {
      TripColumnRefs by_name = *by_id;
      for (ColumnRef& column : by_name) column = ColumnIn(file, std::move(column));
      made.columns = std::make_shared<const TripColumnRefs>(std::move(by_name));
    }
    if (!options_.starts.is_open()) {
      made.filters.push_back(NewTimeFilter(options_.starts, (*made.columns)[kStartTime]));
    }
    for (auto& filter : EqualityFiltersOf(file)) made.filters.push_back(std::move(filter));
    return made;
  }

  const IcebergTripsOptions options_;
  std::vector<std::string> patterns_;
  OpenedStores stores_;
};

}  // namespace

std::unique_ptr<TripSource> NewIcebergTrips(IcebergTripsOptions options) {
  return std::make_unique<IcebergTrips>(std::move(options));
}

}  // namespace millrace
