// A table in an Iceberg REST catalog (REST catalog OpenAPI).
#ifndef MILLRACE_CONNECTORS_ICEBERG_REST_CATALOG_H_
#define MILLRACE_CONNECTORS_ICEBERG_REST_CATALOG_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "connectors/iceberg/catalog.h"
#include "connectors/iceberg/iceberg_spec.h"

namespace millrace::iceberg {

// `environment`: ICEBERG_REST_TOKEN is a bearer token; or ICEBERG_REST_CREDENTIAL, "id:secret", is
// exchanged for tokens at ICEBERG_REST_OAUTH_URI (default: the catalog's v1/oauth/tokens) with the
// scope ICEBERG_REST_SCOPE (default: catalog). Without both, requests have no credentials. With
// sigv4=SERVICE they are signed for AWS instead. The clock outlives it. InvalidArgument: the
// environment is contradictory, or secrets would be sent unencrypted.
absl::StatusOr<std::unique_ptr<Catalog>> NewRestCatalog(const IcebergSpec::Catalog& place,
                                                        std::string table,
                                                        const Environment& environment,
                                                        Clock& clock);

}  // namespace millrace::iceberg

#endif  // MILLRACE_CONNECTORS_ICEBERG_REST_CATALOG_H_
