// Iceberg tables as a destination (docs/connectors/iceberg.md).
#ifndef MILLRACE_CONNECTORS_ICEBERG_ICEBERG_DESTINATION_H_
#define MILLRACE_CONNECTORS_ICEBERG_ICEBERG_DESTINATION_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "pipeline/destination.h"

namespace millrace {

// Staged. `uri` is "iceberg:FOLDER?..." or "iceberg:https://HOST/PATH?namespace=..."
// (IcebergSpec::Parse). Credentials of buckets and catalogs come from `environment` when they are
// first needed. InvalidArgument: the URI cannot be used.
absl::StatusOr<std::unique_ptr<Destination>> OpenIcebergDestination(std::string_view uri,
                                                                    const Environment& environment,
                                                                    Clock& clock);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_ICEBERG_ICEBERG_DESTINATION_H_
