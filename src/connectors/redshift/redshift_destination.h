// Redshift as a destination: tables of events, users and groups (docs/connectors/redshift.md).
#ifndef MILLRACE_CONNECTORS_REDSHIFT_REDSHIFT_DESTINATION_H_
#define MILLRACE_CONNECTORS_REDSHIFT_REDSHIFT_DESTINATION_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "pipeline/destination.h"

namespace millrace {

// method=insert: direct, with a cursor that the warehouse keeps. method=copy: staged in a bucket.
// `uri` is
// "redshift://WORKGROUP/DATABASE/SCHEMA?table=T..." (RedshiftSpec::Parse). AWS credentials and the
// region come from `environment` (FindAwsCredentials). Connects to nothing. Missing tables are made
// when they are first needed, if the user may. InvalidArgument: the URI cannot be used.
absl::StatusOr<std::unique_ptr<Destination>> OpenRedshiftDestination(std::string_view uri,
                                                                     const Environment& environment,
                                                                     Clock& clock);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_REDSHIFT_REDSHIFT_DESTINATION_H_
