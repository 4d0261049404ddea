// Keeps what a run writes apart from what it reads.
#ifndef MILLRACE_STAYPOINTS_OUTPUT_OVERLAP_H_
#define MILLRACE_STAYPOINTS_OUTPUT_OVERLAP_H_

#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "staypoints/trip_source.h"

namespace millrace {

struct RunPlaces {
  // Patterns as of ObjectStore::List(): what the run was asked to read.
  absl::Span<const std::string> inputs;
  absl::Span<const TripFile> files;  // what that is
  std::string output;                // path, file:// or gs://, s3://, az://
  std::string report;                // path of one more file that is written; empty: none
};

// InvalidArgument if the output contains one of the inputs, is one or is inside of one, so that
// this run would remove it or the next would read what this one wrote; or if the report is one of
// the files or inside the output. Links are resolved. Where the names of Azure's accounts cannot be
// compared, equal containers are taken for the same.
absl::Status CheckPlacesAreApart(const RunPlaces& places);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_OUTPUT_OVERLAP_H_
