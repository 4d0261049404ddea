// Keeps the output of a run separate from its input.
#ifndef MILLRACE_STAYPOINTS_OUTPUT_OVERLAP_H_
#define MILLRACE_STAYPOINTS_OUTPUT_OVERLAP_H_

#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "staypoints/trip_source.h"

namespace millrace {

struct RunPlaces {
  // Patterns as for ObjectStore::List(): the requested input.
  absl::Span<const std::string> inputs;
  absl::Span<const TripFile> files;  // the files that match
  std::string output;                // path, file:// or gs://, s3://, az://
  std::string report;                // path of another file to write; empty: none
};

// InvalidArgument if the output contains an input, is one or is inside one, because this run would
// remove the input or the next run would read this output; or if the report is one of the files or
// inside the output. Links are resolved. If the names of Azure's accounts cannot be compared, equal
// containers are considered the same.
absl::Status CheckPlacesAreApart(const RunPlaces& places);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_OUTPUT_OVERLAP_H_
