#include "connectors/bigquery/services.h"

#include <optional>
#include <string_view>
#include <utility>

#include "auth/token_request.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::bigquery {
namespace {

constexpr char kRestEmulator[] = "BIGQUERY_EMULATOR_HOST";
constexpr char kStorageEmulator[] = "BIGQUERY_STORAGE_EMULATOR_HOST";
constexpr char kRestEndpoint[] = "CLOUD_BIGQUERY_ENDPOINT";
constexpr char kStorageEndpoint[] = "CLOUD_BIGQUERY_STORAGE_ENDPOINT";
constexpr std::string_view kPlain = "http://", kTls = "https://";

absl::Status CheckBoth(const Environment& environment, const char* one, const char* other) {
  const auto has = [&](const char* name) {
    const auto value = environment(name);
    return value && !value->empty();
  };
  if (has(one) == has(other)) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("set both ", one, " and ", other, ", or neither"));
}

absl::Status UseEndpoints(std::string rest, std::string_view storage, Services& services) {
  while (rest.ends_with('/')) rest.pop_back();
  RETURN_IF_ERROR(Annotate(CheckMayCarrySecrets(rest), kRestEndpoint));
  services.rest_url = std::move(rest);
  if (storage.starts_with(kPlain)) {
    RETURN_IF_ERROR(Annotate(CheckMayCarrySecrets(std::string(storage)), kStorageEndpoint));
    storage.remove_prefix(kPlain.size());
    services.storage.plaintext = true;
  } else if (storage.starts_with(kTls)) {
    storage.remove_prefix(kTls.size());
  }
  if (storage.find('/') != std::string_view::npos) {
    return absl::InvalidArgumentError(StrCat(kStorageEndpoint, " should be host:port"));
  }
  services.storage.address = storage;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Services> FindServices(const Environment& environment) {
  RETURN_IF_ERROR(CheckBoth(environment, kRestEmulator, kStorageEmulator));
  RETURN_IF_ERROR(CheckBoth(environment, kRestEndpoint, kStorageEndpoint));
  Services services;
  if (const auto rest = EmulatorUrl(environment, kRestEmulator)) {
    services.rest_url = *rest;
    services.credentials = NoGoogleCredentials();
    services.emulator = environment(kStorageEmulator).value_or("");
    services.storage = {.address = services.emulator, .plaintext = true};
    return services;
  }
  ASSIGN_OR_RETURN(services.credentials, FindGoogleCredentials({.environment = environment}));
  const std::string& domain = services.credentials.universe_domain;
  services.rest_url = StrCat(kTls, "bigquery.", domain);
  services.storage.address = StrCat("bigquerystorage.", domain, ":443");
  if (const auto rest = environment(kRestEndpoint); rest && !rest->empty()) {
    RETURN_IF_ERROR(UseEndpoints(*rest, environment(kStorageEndpoint).value_or(""), services));
  }
  grpc_client::UseGoogleCredentials(services.credentials, services.storage);
  return services;
}

}  // namespace millrace::bigquery
