// A lake as a destination: files in a folder on disk or in a bucket (docs/connectors/lake.md).
#ifndef MILLRACE_CONNECTORS_LAKE_LAKE_DESTINATION_H_
#define MILLRACE_CONNECTORS_LAKE_LAKE_DESTINATION_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "pipeline/destination.h"

namespace millrace {

// Whether `text` reads as a folder of a lake: a path with a '/' in it, or gs://, s3://, az://.
bool IsLakeUri(std::string_view text);

// Staged. `uri` is "/folder/?format=parquet..." or "gs://bucket/folder?..." (LakeSpec::Parse).
// Credentials of buckets come from `environment` when they are first needed. InvalidArgument: the
// URI cannot be used.
absl::StatusOr<std::unique_ptr<Destination>> OpenLakeDestination(std::string_view uri,
                                                                 const Environment& environment,
                                                                 Clock& clock);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_LAKE_LAKE_DESTINATION_H_
