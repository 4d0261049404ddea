// Tables in BigQuery as a destination (docs/connectors/bigquery.md).
#ifndef MILLRACE_CONNECTORS_BIGQUERY_BIGQUERY_DESTINATION_H_
#define MILLRACE_CONNECTORS_BIGQUERY_BIGQUERY_DESTINATION_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "pipeline/destination.h"

namespace millrace {

// Staged, but for method=default_stream and method=insert_all. `uri` is
// "bigquery://PROJECT/DATASET?table=T..." (TableSpec::Parse); credentials and addresses are those
// of FindServices(). InvalidArgument: the URI cannot be used; or as FindServices().
absl::StatusOr<std::unique_ptr<Destination>> OpenBigqueryDestination(std::string_view uri,
                                                                     const Environment& environment,
                                                                     Clock& clock);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_BIGQUERY_BIGQUERY_DESTINATION_H_
