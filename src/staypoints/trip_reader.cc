#include "staypoints/trip_reader.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "formats/detect_format.h"
#include "staypoints/parquet_trip_reader.h"
#include "staypoints/text_trip_reader.h"

namespace millrace {
namespace {

absl::StatusOr<std::unique_ptr<TripReader>> OpenByContent(const TripFile& file) {
  ASSIGN_OR_RETURN(std::shared_ptr<ObjectReader> object, file.store->Open(file.object));
  ASSIGN_OR_RETURN(const bool parquet, IsParquet(*object));
  if (parquet) return OpenParquetTrips(file, std::move(object));
  return OpenTextTrips(file, std::move(object));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TripReader>> TripReader::Open(const TripFile& file) {
  absl::StatusOr<std::unique_ptr<TripReader>> reader = OpenByContent(file);
  if (!reader.ok()) return Annotate(reader.status(), StrCat("reading ", file.object.uri));
  return reader;
}

}  // namespace millrace
