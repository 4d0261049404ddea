#include "proxy_config/variable_table.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "absl/strings/match.h"
#include "base/nearest_name.h"
#include "base/strings.h"

namespace millrace::proxy_config {
namespace {

constexpr bool kRequired = true;
constexpr std::string_view kNoQueue =
    "records are on disk before a request is answered, and each destination is written to in "
    "batches of its own";
constexpr std::string_view kNoRegion = "snowflake_access_url says where the account is";
constexpr std::string_view kNoTask = "the old server did not use it either";

constexpr std::string_view kKinds[] = {"mixpanel", "bigquery", "snowflake", "redshift",
                                       "pubsub",   "gcs",      "s3",        "azure"};

constexpr Variable kVariables[] = {
    {"DESTINATIONS", ""},
    {"PORT", ""},
    {"FRONTEND_URL", ""},
    {"RUNTIME", ""},
    {"FUNCTIONS_CUSTOMHANDLER_PORT", ""},
    {"EVENTS_TABLE_NAME", ""},
    {"USERS_TABLE_NAME", ""},
    {"GROUPS_TABLE_NAME", ""},
    {"NODE_ENV", ""},
    {"QUEUE_MAX", "", false, kNoQueue},
    {"QUEUE_INTERVAL", "", false, kNoQueue},
    {"MAX_RETRIES", "", false,
     "a delivery that fails is tried again until it succeeds, and its records stay on disk"},
    {"MIXPANEL_TOKEN", "mixpanel"},
    {"MIXPANEL_REGION", "mixpanel"},
    {"REGION", "mixpanel", false, "MIXPANEL_REGION counts for /record too"},
    {"bigquery_project", "bigquery", kRequired},
    {"bigquery_dataset", "bigquery", kRequired},
    {"bigquery_keyfile", "bigquery"},
    {"bigquery_service_account_email", "bigquery"},
    {"bigquery_service_account_private_key", "bigquery"},
    {"pubsub_project", "pubsub"},  // or bigquery_project
    {"pubsub_keyfile", "pubsub"},
    {"pubsub_service_account_email", "pubsub"},
    {"pubsub_service_account_private_key", "pubsub"},
    {"pubsub_good_topic", "pubsub"},
    {"pubsub_bad_topic", ""},
    {"snowflake_account", "snowflake", kRequired},
    {"snowflake_user", "snowflake", kRequired},
    {"snowflake_password", "snowflake"},  // or snowflake_private_key
    {"snowflake_database", "snowflake", kRequired},
    {"snowflake_schema", "snowflake", kRequired},
    {"snowflake_warehouse", "snowflake", kRequired},
    {"snowflake_role", "snowflake", kRequired},
    {"snowflake_access_url", "snowflake", kRequired},
    {"snowflake_stage", "snowflake"},
    {"snowflake_pipe", "snowflake"},
    {"snowflake_private_key", "snowflake"},
    {"snowflake_region", "snowflake", false, kNoRegion},
    {"snowflake_provider", "snowflake", false, kNoRegion},
    {"snowflake_task", "snowflake", false, kNoTask},
    {"snowflake_task_schedule", "snowflake", false, kNoTask},
    {"redshift_workgroup", "redshift", kRequired},
    {"redshift_database", "redshift", kRequired},
    {"redshift_access_key_id", "redshift", kRequired},
    {"redshift_secret_access_key", "redshift", kRequired},
    {"redshift_session_token", "redshift"},
    {"redshift_region", "redshift", kRequired},
    {"redshift_schema_name", "redshift", kRequired},
    {"gcs_project", "gcs", false, "the name of a bucket is enough"},
    {"gcs_bucket", "gcs", kRequired},
    {"gcs_service_account", "gcs"},
    {"gcs_service_account_private_key", "gcs"},
    {"gcs_keyfile", "gcs"},
    {"s3_bucket", "s3", kRequired},
    {"s3_region", "s3", kRequired},
    {"s3_access_key_id", "s3", kRequired},
    {"s3_secret_access_key", "s3", kRequired},
    {"azure_account", "azure"},  // or azure_connection_string
    {"azure_key", "azure"},
    {"azure_container", "azure", kRequired},
    {"azure_connection_string", "azure"},
};

constexpr size_t kLongestName = 64;
constexpr size_t kShortName = 8;  // letters, of names in which two wrong ones are another name

// Whether `name` was probably meant to be that of `variable`.
bool IsNearly(std::string_view name, const Variable& variable) {
  // Short words are names of other programs' variables, too.
  if (variable.name.size() < 6) return false;
  const size_t allowed = variable.name.size() < kShortName ? 1 : 2;
  return EditDistance(name, variable.name) <= allowed;
}

bool IsKnown(std::string_view name) {
  return std::any_of(std::begin(kVariables), std::end(kVariables), [name](const Variable& one) {
    return absl::EqualsIgnoreCase(ToAbsl(name), ToAbsl(one.name));
  });
}

// Adds a problem for each of `names` that is nearly a variable for which `matters` is true.
template <typename Matters>
void CheckNames(const std::vector<std::string>& names, ConfigProblems& problems,
                const Matters& matters) {
  for (const std::string& name : names) {
    if (name.empty() || name.size() > kLongestName || name[0] == '_' || IsKnown(name)) continue;
    const auto* const nearest = std::find_if(
        std::begin(kVariables), std::end(kVariables),
        [&](const Variable& variable) { return matters(variable) && IsNearly(name, variable); });
    if (nearest == std::end(kVariables)) continue;
    problems.Add(name, StrCat("is no variable of the proxy; did you mean ", nearest->name,
                              "? Correct or remove it"));
  }
}

}  // namespace

absl::Span<const Variable> AllVariables() { return kVariables; }
absl::Span<const std::string_view> DestinationKinds() { return kKinds; }

void CheckRequired(std::string_view destination, const Environment& environment,
                   ConfigProblems& problems) {
  for (const Variable& variable : kVariables) {
    if (variable.destination != destination || !variable.is_required) continue;
    if (environment(variable.name)) continue;
    problems.Add(variable.name, StrCat("is not set, but DESTINATIONS has ", destination));
  }
}

void CheckSpelling(const std::vector<std::string>& names,
                   const std::set<std::string, std::less<>>& destinations,
                   ConfigProblems& problems) {
  CheckNames(names, problems, [&](const Variable& variable) {
    return variable.destination.empty() || destinations.contains(variable.destination);
  });
}

void CheckSpellingOfDestinations(const std::vector<std::string>& names, ConfigProblems& problems) {
  CheckNames(names, problems,
             [](const Variable& variable) { return variable.name == "DESTINATIONS"; });
}

}  // namespace millrace::proxy_config
