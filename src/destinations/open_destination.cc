#include "destinations/open_destination.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "auth/google_credentials.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/uri_query.h"
#include "connectors/bigquery/bigquery_destination.h"
#include "connectors/iceberg/iceberg_destination.h"
#include "connectors/lake/lake_destination.h"
#include "connectors/postgres/postgres_destination.h"
#include "connectors/pubsub/pubsub_destination.h"
#include "connectors/redshift/redshift_destination.h"
#include "connectors/snowflake/snowflake_destination.h"
#include "destinations/null_destination.h"

namespace millrace {
namespace {

using Opened = absl::StatusOr<std::unique_ptr<Destination>>;

// For destinations whose URI has nothing but options.
absl::Status CheckHead(const UriQuery& query, std::string_view scheme) {
  if (query.head() == scheme || query.head() == StrCat(scheme, ":")) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("write ", scheme, ", with options after a '?': ", scheme, ":?name=value"));
}

Opened OpenMixpanel(std::string_view uri, const DestinationSetup& setup) {
  ASSIGN_OR_RETURN(UriQuery query, UriQuery::Parse(uri));
  RETURN_IF_ERROR(CheckHead(query, "mixpanel"));
  ASSIGN_OR_RETURN(mixpanel::DestinationOptions options, setup.mixpanel());
  if (auto id = query.Take("project_id")) options.project_id = *std::move(id);
  if (const auto file = query.Take("credentials_file")) {
    ASSIGN_OR_RETURN(options.credentials, mixpanel::LoadCredentials(*file, setup.environment));
  }
  if (const auto name = query.Take("region")) {
    ASSIGN_OR_RETURN(const mixpanel::Region region, mixpanel::ParseRegion(*name));
    options.endpoints = mixpanel::Endpoints::ForRegion(region);
  }
  if (const auto url = query.Take("url")) {
    ASSIGN_OR_RETURN(options.endpoints, mixpanel::Endpoints::ForUrl(*url));
  }
  if (const auto tokens = query.Take("tokens")) {
    if (*tokens != "records") return absl::InvalidArgumentError("tokens is records");
    if (!options.project_id.empty()) {
      return absl::InvalidArgumentError("project_id names one project: take it or tokens out");
    }
    options.credentials = {};
    options.tokens_of_records = true;
  }
  RETURN_IF_ERROR(query.CheckAllTaken("project_id, credentials_file, region, url and tokens"));
  return std::make_unique<mixpanel::MixpanelDestination>(std::move(options));
}

// Takes `credentials_file` out of the options of `uri`, if it is there: Google credentials that
// this destination has instead of those of the process.
absl::StatusOr<std::string> TakeGoogleCredentials(std::string_view uri, Environment& environment) {
  ASSIGN_OR_RETURN(UriQuery query, UriQuery::Parse(uri));
  std::optional<std::string> file = query.Take("credentials_file");
  if (!file) return std::string(uri);
  if (file->empty()) return absl::InvalidArgumentError("credentials_file: name a file");
  environment = [file = *std::move(file), environment = std::move(environment)](
                    std::string_view name) -> std::optional<std::string> {
    if (name == "GOOGLE_APPLICATION_CREDENTIALS") return file;
    if (name == kGoogleEmailVariable || name == kGooglePrivateKeyVariable) return std::nullopt;
    return environment(name);
  };
  return query.head() + query.Rest();
}

Opened OpenBigquery(std::string_view uri, const DestinationSetup& setup) {
  Environment environment = setup.environment;
  ASSIGN_OR_RETURN(const std::string rest, TakeGoogleCredentials(uri, environment));
  return OpenBigqueryDestination(rest, environment, Clock::Real());
}

Opened OpenLake(std::string_view uri, const DestinationSetup& setup) {
  Environment environment = setup.environment;
  std::string rest(uri);
  if (uri.starts_with("gs://")) {
    ASSIGN_OR_RETURN(rest, TakeGoogleCredentials(uri, environment));
  }
  return OpenLakeDestination(rest, environment, Clock::Real());
}

Opened OpenIceberg(std::string_view uri, const DestinationSetup& setup) {
  return OpenIcebergDestination(uri, setup.environment, Clock::Real());
}

Opened OpenNull(std::string_view uri, const DestinationSetup& /*setup*/) {
  ASSIGN_OR_RETURN(const UriQuery query, UriQuery::Parse(uri));
  RETURN_IF_ERROR(CheckHead(query, "null"));
  RETURN_IF_ERROR(query.CheckAllTaken("none"));
  return std::make_unique<NullDestination>();
}

Opened OpenPostgres(std::string_view uri, const DestinationSetup& /*setup*/) {
  return OpenPostgresDestination(uri, Clock::Real());
}

Opened OpenPubsub(std::string_view uri, const DestinationSetup& setup) {
  Environment environment = setup.environment;
  ASSIGN_OR_RETURN(const std::string rest, TakeGoogleCredentials(uri, environment));
  return OpenPubsubDestination(rest, environment);
}

Opened OpenSnowflake(std::string_view uri, const DestinationSetup& setup) {
  return OpenSnowflakeDestination(uri, setup.environment, Clock::Real());
}

Opened OpenRedshift(std::string_view uri, const DestinationSetup& setup) {
  return OpenRedshiftDestination(uri, setup.environment, Clock::Real());
}

// A kind of destination: the beginning of its URIs, how people write one (empty: another spelling
// of the one before), and what opens it.
struct Kind {
  std::string_view scheme;
  std::string_view form;
  Opened (*open)(std::string_view uri, const DestinationSetup& setup);
};

constexpr Kind kKinds[] = {
    {"mixpanel", "mixpanel", OpenMixpanel},
    {"null", "null:", OpenNull},
    {"postgres", "postgres://HOST/DATABASE?table=T", OpenPostgres},
    {"postgresql", "", OpenPostgres},
    {"pubsub", "pubsub://PROJECT/TOPIC", OpenPubsub},
    {"redshift", "redshift://WORKGROUP/DATABASE/SCHEMA", OpenRedshift},
    {"snowflake", "snowflake://ACCOUNT/DATABASE/SCHEMA", OpenSnowflake},
    {"iceberg", "iceberg:FOLDER", OpenIceberg},
    {"bigquery", "bigquery://PROJECT/DATASET", OpenBigquery},
};

Opened Annotated(Opened opened, std::string_view kind) {
  if (opened.ok()) return opened;
  return Annotate(opened.status(), StrCat("destination ", kind));
}

// The beginning of what names no destination. The rest may have a secret in a form that nothing
// here understands.
std::string Shown(std::string_view text) {
  constexpr std::string_view kNameCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  const size_t end = text.find_first_not_of(kNameCharacters);
  const std::string name = StrCat("\"", Shorten(text.substr(0, end), 64), "\"");
  return end == std::string_view::npos ? name : StrCat("that begins with ", name);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Destination>> OpenDestination(std::string_view uri,
                                                             const DestinationSetup& setup) {
  const std::string_view scheme = uri.substr(0, uri.find_first_of(":?"));
  for (const Kind& kind : kKinds) {
    if (kind.scheme != scheme) continue;
    return Annotated(kind.open(uri, setup), kind.scheme);
  }
  if (IsLakeUri(uri)) {
    return Annotated(OpenLake(uri, setup), "a lake");
  }
  return absl::InvalidArgumentError(StrCat("unknown destination ", Shown(uri), ": it should be ",
                                           DestinationForms(),
                                           ", or a name in the file of --destinations"));
}

bool IsDestinationScheme(std::string_view text) {
  return std::any_of(std::begin(kKinds), std::end(kKinds),
                     [text](const Kind& kind) { return kind.scheme == text; });
}

std::string DestinationForms() {
  std::string forms;
  for (const Kind& kind : kKinds) {
    if (!kind.form.empty()) StrAppend(&forms, forms.empty() ? "" : ", ", kind.form);
  }
  return forms + ", a folder on disk, or gs://, s3:// or az:// with ?format=parquet";
}

}  // namespace millrace
