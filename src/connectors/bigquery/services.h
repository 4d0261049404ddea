// Where BigQuery's services are, and how to be let in.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_SERVICES_H_
#define MILLRACE_CONNECTORS_BIGQUERY_SERVICES_H_

#include <string>

#include "absl/status/statusor.h"
#include "auth/google_credentials.h"
#include "base/environment.h"
#include "connectors/bigquery/connection.h"

namespace millrace::bigquery {

struct Services {
  std::string rest_url;  // "https://bigquery.googleapis.com"
  GoogleCredentials credentials;
  ConnectionOptions storage;  // with the same credentials
  std::string emulator;       // its address; "": it is BigQuery itself
};

// With FindGoogleCredentials(). CLOUD_BIGQUERY_ENDPOINT (a URL) and CLOUD_BIGQUERY_STORAGE_ENDPOINT
// ("host:port") replace the addresses of Google, for private endpoints; "http://" is for this
// machine only. BIGQUERY_EMULATOR_HOST (REST) and BIGQUERY_STORAGE_EMULATOR_HOST (gRPC), both
// host:port, are used without TLS and credentials. InvalidArgument: one of a pair is missing, or an
// endpoint cannot be used; or as FindGoogleCredentials().
absl::StatusOr<Services> FindServices(const Environment& environment);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_SERVICES_H_
