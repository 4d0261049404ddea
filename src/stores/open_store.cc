#include "stores/open_store.h"

#include <utility>

#include "auth/aws_credentials.h"
#include "auth/azure_credentials.h"
#include "auth/google_credentials.h"
#include "base/redact.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/url.h"
#include "stores/azure_service.h"
#include "stores/cloud_store.h"
#include "stores/gcs_service.h"
#include "stores/s3_service.h"

namespace millrace {
namespace {

std::string Variable(const StoreOptions& options, std::string_view name) {
  return options.environment(name).value_or("");
}

// The endpoint in a variable, without a final '/'; `scheme` is added to a bare host.
absl::StatusOr<std::string> EndpointOf(std::string_view variable, std::string endpoint) {
  if (endpoint.find("://") == std::string::npos) endpoint = StrCat("http://", endpoint);
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const absl::Status valid = ParseUrl(endpoint).status();
  if (!valid.ok()) return Annotate(valid, StrCat("reading ", variable));
  return endpoint;
}

using ServiceOr = absl::StatusOr<std::shared_ptr<CloudService>>;

ServiceOr OpenGcs(const StoreOptions& options) {
  GcsOptions gcs{.service = {.retry = options.retry}};
  if (std::string emulator = Variable(options, "STORAGE_EMULATOR_HOST"); !emulator.empty()) {
    ASSIGN_OR_RETURN(gcs.endpoint, EndpointOf("STORAGE_EMULATOR_HOST", std::move(emulator)));
    gcs.credentials = NoGoogleCredentials("");
  } else {
    ASSIGN_OR_RETURN(gcs.credentials, FindGoogleCredentials({.environment = options.environment}));
    gcs.endpoint = StrCat("https://storage.", gcs.credentials.universe_domain);
  }
  return NewGcsService(std::move(gcs));
}

ServiceOr OpenS3(const StoreOptions& options) {
  ASSIGN_OR_RETURN(AwsCredentials aws, FindAwsCredentials({.environment = options.environment}));
  S3Options s3{.keys = std::move(aws.keys), .service = {.retry = options.retry}};
  if (!aws.region.empty()) s3.region = std::move(aws.region);
  if (!aws.s3_endpoint.empty()) {
    ASSIGN_OR_RETURN(s3.endpoint, EndpointOf("AWS_ENDPOINT_URL_S3", std::move(aws.s3_endpoint)));
  }
  return NewS3Service(std::move(s3));
}

ServiceOr OpenAzure(const StoreOptions& options) {
  ASSIGN_OR_RETURN(AzureCredentials credentials,
                   FindAzureCredentials({.environment = options.environment}));
  return NewAzureService(
      {.credentials = std::move(credentials), .service = {.retry = options.retry}});
}

}  // namespace

std::string_view SchemeOf(std::string_view uri) {
  const size_t end = uri.find("://");
  return end == std::string_view::npos ? "" : uri.substr(0, end);
}

absl::StatusOr<std::unique_ptr<ObjectStore>> OpenStore(std::string_view uri,
                                                       const StoreOptions& options) {
  const std::string_view scheme = SchemeOf(uri);
  if (scheme.empty() || scheme == "file") return NewLocalObjectStore();
  ServiceOr service =
      absl::InvalidArgumentError(StrCat("unknown scheme ", scheme, ":// in ", RedactSecrets(uri),
                                        "; use a path, file://, gs://, s3://, az:// or abfss://"));
  if (scheme == "gs") service = OpenGcs(options);
  if (scheme == "s3") service = OpenS3(options);
  if (scheme == "az" || scheme == "azure" || scheme == "abfs" || scheme == "abfss") {
    service = OpenAzure(options);
  }
  if (!service.ok()) return service.status();
  return NewCloudStore(*std::move(service), options.stop);
}

}  // namespace millrace
