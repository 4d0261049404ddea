#include "proxy_config/variables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "base/strings.h"
#include "proxy_config/variable_table.h"

namespace millrace::proxy_config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Given = std::map<std::string, std::string>;

class VariablesTest : public testing::Test {
 protected:
  Environment environment() const {
    return [given = given_](std::string_view name) -> std::optional<std::string> {
      for (const auto& [key, value] : given) {
        if (absl::EqualsIgnoreCase(key, ToAbsl(name)) && !value.empty()) return value;
      }
      return std::nullopt;
    };
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& [name, value] : given_) names.push_back(name);
    return names;
  }

  // What the variables mean; its problems and warnings are in the members.
  ProxyConfig Read(Given given) {
    given_ = std::move(given);
    ConfigProblems problems;
    FromVariables read = ConfigOf(environment(), names(), true, problems);
    const FromVariables listener = ListenerOf(environment(), true, problems);
    read.config.FillFrom(listener.config);
    warnings_ = absl::StrJoin(read.warnings, "\n");
    StrAppend(&warnings_, absl::StrJoin(listener.warnings, "\n"));
    problems_ = ToStd(problems.ToStatus("").message());
    return read.config;
  }
  // The one value of a setting; "" without it.
  static std::string ValueOf(const ProxyConfig& config, std::string_view key) {
    const auto found = config.settings.find(key);
    return found == config.settings.end() ? "" : found->second.values.front();
  }

  Given given_;
  std::string problems_, warnings_;
};

Given WithMixpanel(Given others) {
  others.insert({{"DESTINATIONS", "MIXPANEL"}, {"MIXPANEL_TOKEN", "secret"}});
  return others;
}

TEST_F(VariablesTest, AreInEffectWithDestinationsOnly) {
  const ProxyConfig config =
      Read({{"FRONTEND_URL", "https://a.example"}, {"s3_bukket", "b"}, {"QUEUE_MAX", "1"}});
  EXPECT_EQ(problems_ + warnings_, "");
  EXPECT_THAT(config.settings, IsEmpty());
  EXPECT_THAT(config.destinations, IsEmpty());
}

TEST_F(VariablesTest, OfTheServer) {
  const ProxyConfig config =
      Read(WithMixpanel({{"port", "9090"},
                         {"frontend_url", "https://a.example, https://b.example/"},
                         {"Mixpanel_Region", "EU"},
                         {"node_env", "dev"}}));
  EXPECT_EQ(problems_ + warnings_, "");
  EXPECT_EQ(ValueOf(config, "listen"), "0.0.0.0:9090");
  EXPECT_THAT(config.settings.at("origin").values,
              ElementsAre("https://a.example", "https://b.example/"));
  EXPECT_EQ(ValueOf(config, "region"), "eu");
  EXPECT_EQ(ValueOf(config, "log_level"), "debug");
  EXPECT_THAT(ToJson(config), HasSubstr("\"allow_drop\": true"));
  EXPECT_EQ(ValueOf(config, "replace_token_variable"), "MIXPANEL_TOKEN");
  EXPECT_THAT(ToJson(config), Not(HasSubstr("secret")));
  ASSERT_EQ(config.destinations.size(), 1u);
  EXPECT_EQ(config.destinations[0].target.uri, "mixpanel");
}

TEST_F(VariablesTest, WithoutATokenThoseOfRecordsCount) {
  const ProxyConfig config = Read({{"DESTINATIONS", "mixpanel"}});
  EXPECT_EQ(problems_ + warnings_, "");
  EXPECT_EQ(ValueOf(config, "replace_token_variable"), "");
  EXPECT_EQ(config.destinations[0].target.uri, "mixpanel:?tokens=records");
}

TEST_F(VariablesTest, TheirDefaults) {
  const ProxyConfig config = Read(WithMixpanel({{"NODE_ENV", "prod"}}));
  EXPECT_EQ(problems_ + warnings_, "");
  EXPECT_EQ(config.settings.size(), 2u);  // the token, and create: it listens on this machine
}

TEST_F(VariablesTest, FrontendUrl) {
  for (const char* all : {"none", "None", " ", ","}) {
    EXPECT_FALSE(Read(WithMixpanel({{"FRONTEND_URL", all}})).settings.contains("origin")) << all;
    EXPECT_EQ(problems_ + warnings_, "");
  }
  EXPECT_FALSE(Read(WithMixpanel({{"FRONTEND_URL", "*"}})).settings.contains("origin"));
  EXPECT_THAT(warnings_, HasSubstr("FRONTEND_URL: *"));
}

TEST_F(VariablesTest, Runtimes) {
  for (const char* runtime : {"LOCAL", "local", "prod"}) {
    const ProxyConfig config = Read({{"RUNTIME", runtime}});
    EXPECT_EQ(problems_ + warnings_, "") << runtime;
    EXPECT_EQ(ValueOf(config, "listen"), "0.0.0.0:8080");
    EXPECT_EQ(ValueOf(config, "state"), "");
  }
  for (const char* runtime :
       {"GCP", "AWS", "AZURE", "LAMBDA", "FUNCTIONS", "CLOUD_FUNCTIONS", "cloud_run"}) {
    const ProxyConfig config = Read({{"RUNTIME", runtime}, {"PORT", "1234"}});
    EXPECT_EQ(problems_, "");
    EXPECT_THAT(warnings_, HasSubstr("mount a disk that stays")) << runtime;
    EXPECT_EQ(ValueOf(config, "listen"), "0.0.0.0:1234");
    EXPECT_EQ(ValueOf(config, "state"), "/tmp/millrace");
    EXPECT_EQ(ValueOf(config, "spool_max"), "256MB");
  }
  EXPECT_EQ(ValueOf(Read({{"PORT", "1"}, {"FUNCTIONS_CUSTOMHANDLER_PORT", "2"}}), "listen"),
            "0.0.0.0:2");
  Read({{"RUNTIME", "AWZ"}, {"PORT", "x"}});
  EXPECT_THAT(problems_, AllOf(HasSubstr("RUNTIME: \"AWZ\" is not known; write LOCAL"),
                               HasSubstr("PORT: must be a number")));
  // Flags or a file say where it listens.
  ConfigProblems problems;
  EXPECT_THAT(ListenerOf(environment(), false, problems).config.settings, IsEmpty());
}

TEST_F(VariablesTest, OfLakes) {
  const ProxyConfig config = Read({{"DESTINATIONS", "gcs,S3, Azure, s3"},
                                   {"EVENTS_TABLE_NAME", "raw/clicks"},
                                   {"GROUPS_TABLE_NAME", "firms"},
                                   {"gcs_project", "p"},
                                   {"gcs_bucket", "g"},
                                   {"s3_bucket", "s"},
                                   {"s3_region", "eu-west-1"},
                                   {"S3_ACCESS_KEY_ID", "key-id"},
                                   {"s3_secret_access_key", "hidden"},
                                   {"azure_account", "a"},
                                   {"azure_key", "hidden"},
                                   {"azure_container", "c"}});
  EXPECT_EQ(problems_, "");
  EXPECT_EQ(warnings_, "gcs_project: has no effect: the name of a bucket is enough");
  ASSERT_EQ(config.destinations.size(), 3u);
  const std::string tables = "/?format=ndjson.gz&events=raw%2Fclicks&users=users&groups=firms";
  EXPECT_EQ(config.destinations[0].target.uri, "gs://g" + tables);
  EXPECT_THAT(config.destinations[0].target.environment, IsEmpty()) << "those of the machine";
  EXPECT_EQ(config.destinations[1].target.uri, "s3://s" + tables);
  const VariableNames& s3 = config.destinations[1].target.environment;
  EXPECT_EQ(s3.at("AWS_SECRET_ACCESS_KEY"), "s3_secret_access_key");
  EXPECT_EQ(s3.at("AWS_SESSION_TOKEN"), std::nullopt);
  EXPECT_EQ(config.destinations[2].target.uri, "az://c" + tables);
  EXPECT_EQ(config.destinations[2].target.environment.at("AZURE_STORAGE_ACCOUNT"), "azure_account");

  const ProxyConfig azure = Read(
      {{"DESTINATIONS", "azure"}, {"azure_container", "c"}, {"azure_connection_string", "hidden"}});
  EXPECT_EQ(problems_, "");
  EXPECT_EQ(azure.destinations[0].target.environment.at("AZURE_STORAGE_CONNECTION_STRING"),
            "azure_connection_string");
}

TEST_F(VariablesTest, OfPubsub) {
  ProxyConfig config = Read({{"DESTINATIONS", "PUBSUB"},
                             {"bigquery_project", "p"},
                             {"USERS_TABLE_NAME", "people"},
                             {"pubsub_keyfile", "key.json"},
                             {"pubsub_bad_topic", "bad"}});
  EXPECT_EQ(problems_ + warnings_, "");
  EXPECT_EQ(config.destinations[0].target.uri,
            "pubsub://p?form=flat&events=events&users=people&groups=groups");
  EXPECT_EQ(ValueOf(config, "dlq_topic_api_errors"), "pubsub://p/bad");
  EXPECT_EQ(config.dlq_environment.at("GOOGLE_APPLICATION_CREDENTIALS"), "pubsub_keyfile");

  config =
      Read({{"DESTINATIONS", "pubsub"}, {"pubsub_project", "q"}, {"pubsub_good_topic", "all"}});
  EXPECT_EQ(config.destinations[0].target.uri, "pubsub://q/all?form=flat");

  Read(WithMixpanel({{"pubsub_bad_topic", "bad"}}));
  EXPECT_THAT(warnings_, HasSubstr("pubsub_bad_topic: has no effect without"));
}

TEST_F(VariablesTest, GoogleCredentials) {
  const Given gcs = {{"DESTINATIONS", "gcs"}, {"gcs_bucket", "b"}};
  const auto with = [&](Given more) {
    more.insert(gcs.begin(), gcs.end());
    return Read(more);
  };
  ProxyConfig config =
      with({{"gcs_service_account", "a@b"}, {"gcs_service_account_private_key", "k"}});
  EXPECT_EQ(problems_ + warnings_, "");
  EXPECT_EQ(config.destinations[0].target.environment,
            (VariableNames{{"MILLRACE_GOOGLE_EMAIL", "gcs_service_account"},
                           {"MILLRACE_GOOGLE_PRIVATE_KEY", "gcs_service_account_private_key"}}));
  config = with({{"gcs_service_account", "a@b"},
                 {"gcs_service_account_private_key", "k"},
                 {"gcs_keyfile", "f"}});
  EXPECT_THAT(warnings_, HasSubstr("gcs_keyfile is used instead"));
  EXPECT_EQ(config.destinations[0].target.environment.at("GOOGLE_APPLICATION_CREDENTIALS"),
            "gcs_keyfile");
  with({{"gcs_service_account", "a@b"}});
  EXPECT_THAT(problems_, HasSubstr("gcs_service_account_private_key: is not set, but"));
  with({{"gcs_service_account_private_key", "hidden"}});
  EXPECT_THAT(problems_,
              AllOf(HasSubstr("gcs_service_account: is not set, but"), Not(HasSubstr("hidden"))));
}

// Required variables of each destination, as its users know them.
TEST_F(VariablesTest, NamesAllThatAreMissingAtOnce) {
  const std::map<std::string, std::vector<std::string>> required = {
      {"bigquery", {"bigquery_project", "bigquery_dataset"}},
      {"snowflake",
       {"snowflake_account", "snowflake_user", "snowflake_password", "snowflake_database",
        "snowflake_schema", "snowflake_warehouse", "snowflake_role", "snowflake_access_url"}},
      {"redshift",
       {"redshift_workgroup", "redshift_database", "redshift_access_key_id",
        "redshift_secret_access_key", "redshift_region", "redshift_schema_name"}},
      {"pubsub", {"pubsub_project"}},
      {"gcs", {"gcs_bucket"}},
      {"s3", {"s3_bucket", "s3_region", "s3_access_key_id", "s3_secret_access_key"}},
      {"azure", {"azure_account", "azure_key", "azure_container"}}};
  for (const auto& [destination, names] : required) {
    Read({{"DESTINATIONS", destination}});
    for (const std::string& name : names) {
      EXPECT_THAT(problems_, HasSubstr(name + ": is not set")) << destination;
    }
    // All together; each is named, too, if it is the only one that is missing.
    for (const std::string& missing : names) {
      Given given = {{"DESTINATIONS", destination}};
      for (const std::string& name : names) given[name] = name == missing ? "" : "x";
      Read(given);
      EXPECT_THAT(problems_, HasSubstr(missing + ": is not set"));
    }
  }
  std::string all;
  for (const auto& [destination, names] : required) StrAppend(&all, destination, ",");
  Read({{"DESTINATIONS", all}});
  EXPECT_THAT(problems_, HasSubstr("25 problems"));
}

constexpr char kTables[] = "events=clicks&users=users&groups=groups";

TEST_F(VariablesTest, OfBigquery) {
  Given given = {{"DESTINATIONS", "BigQuery"},
                 {"bigquery_project", "p"},
                 {"bigquery_dataset", "d"},
                 {"EVENTS_TABLE_NAME", "clicks"},
                 {"pubsub_bad_topic", "bad"},
                 {"bigquery_service_account_email", "e"},
                 {"bigquery_service_account_private_key", "hidden"}};
  const ProxyConfig config = Read(given);
  EXPECT_EQ(problems_ + warnings_, "");
  ASSERT_EQ(config.destinations.size(), 1u);
  EXPECT_EQ(config.destinations[0].target.uri, StrCat("bigquery://p/d?", kTables));
  const VariableNames names = config.destinations[0].target.environment;
  EXPECT_EQ(names.at("MILLRACE_GOOGLE_EMAIL"), "bigquery_service_account_email");
  EXPECT_EQ(names.at("MILLRACE_GOOGLE_PRIVATE_KEY"), "bigquery_service_account_private_key");
  EXPECT_EQ(ValueOf(config, "dlq_topic_api_errors"), "pubsub://p/bad");
  EXPECT_EQ(config.dlq_environment, names) << "of the only Google destination";
  EXPECT_THAT(ToJson(config), AllOf(HasSubstr("\"create\": true"), Not(HasSubstr("hidden"))));

  given.erase("bigquery_service_account_private_key");
  Read(given);
  EXPECT_THAT(problems_, HasSubstr("bigquery_service_account_private_key: is not set, but"));
}

Given WithSnowflake(Given more) {
  Given given = {{"DESTINATIONS", "snowflake"},
                 {"snowflake_account", "ab12345"},
                 {"snowflake_user", "u"},
                 {"snowflake_password", "hidden"},
                 {"snowflake_database", "db"},
                 {"snowflake_schema", "public"},
                 {"snowflake_warehouse", "w h"},
                 {"snowflake_role", "r"},
                 {"snowflake_access_url", "https://ab12345.snowflakecomputing.com"},
                 {"EVENTS_TABLE_NAME", "clicks"}};
  for (auto& [name, value] : more) given[name] = value;
  return given;
}

TEST_F(VariablesTest, OfSnowflake) {
  const std::string uri = StrCat(
      "snowflake://ab12345/db/public?user=u&role=r&warehouse=w%20h&url=https%3A%2F%2F"
      "ab12345.snowflakecomputing.com&",
      kTables);
  ProxyConfig config = Read(WithSnowflake({}));
  EXPECT_EQ(problems_ + warnings_, "");
  ASSERT_EQ(config.destinations.size(), 1u);
  EXPECT_EQ(config.destinations[0].target.uri, uri);
  VariableNames names = config.destinations[0].target.environment;
  EXPECT_EQ(names.at("SNOWFLAKE_PASSWORD"), "snowflake_password");
  EXPECT_EQ(names.at("SNOWFLAKE_PRIVATE_KEY"), std::nullopt) << "that of others";

  config = Read(WithSnowflake({{"snowflake_private_key", "hidden"},
                               {"snowflake_stage", "s"},
                               {"snowflake_pipe", "p"},
                               {"snowflake_region", "us-central1"},
                               {"snowflake_provider", "gcp"}}));
  EXPECT_EQ(problems_, "");
  EXPECT_THAT(warnings_, AllOf(HasSubstr("snowflake_stage: is not used: rows are sent by Snowpipe"),
                               HasSubstr("snowflake_password: snowflake_private_key is used"),
                               HasSubstr("snowflake_region: has no effect"),
                               HasSubstr("snowflake_provider: has no effect")));
  EXPECT_EQ(config.destinations[0].target.uri, uri + "&method=streaming&pipe=p");
  names = config.destinations[0].target.environment;
  EXPECT_EQ(names.at("SNOWFLAKE_PRIVATE_KEY"), "snowflake_private_key");
  EXPECT_EQ(names.at("SNOWFLAKE_PASSWORD"), std::nullopt);

  Read(WithSnowflake({{"snowflake_pipe", "p"}}));
  EXPECT_THAT(problems_, HasSubstr("snowflake_private_key: is not set, but snowflake_pipe needs"));
  Read(WithSnowflake({{"snowflake_password", ""}}));
  EXPECT_THAT(problems_, HasSubstr("snowflake_password: is not set, but"));
  Read(WithSnowflake({{"snowflake_password", ""}, {"snowflake_private_key", "hidden"}}));
  EXPECT_EQ(problems_, "");
}

TEST_F(VariablesTest, OfRedshift) {
  Given given = {{"DESTINATIONS", "redshift"},
                 {"redshift_workgroup", "w"},
                 {"redshift_database", "dev"},
                 {"redshift_access_key_id", "i"},
                 {"redshift_secret_access_key", "hidden"},
                 {"redshift_session_token", "hidden"},
                 {"redshift_region", "us-east-2"},
                 {"redshift_schema_name", "s"},
                 {"EVENTS_TABLE_NAME", "clicks"}};
  const ProxyConfig config = Read(given);
  EXPECT_EQ(problems_ + warnings_, "");
  ASSERT_EQ(config.destinations.size(), 1u);
  EXPECT_EQ(config.destinations[0].target.uri,
            StrCat("redshift://w/dev/s?region=us-east-2&", kTables));
  VariableNames names = config.destinations[0].target.environment;
  EXPECT_EQ(names.at("AWS_ACCESS_KEY_ID"), "redshift_access_key_id");
  EXPECT_EQ(names.at("AWS_SESSION_TOKEN"), "redshift_session_token");
  given.erase("redshift_session_token");
  names = Read(given).destinations[0].target.environment;
  EXPECT_EQ(names.at("AWS_SESSION_TOKEN"), std::nullopt) << "that of others";
}

TEST_F(VariablesTest, NamesMisspelledOnes) {
  Read(WithMixpanel({{"_mixpanel_region", "x"}, {"azure_containr", "x"}}));
  EXPECT_EQ(problems_, "") << "it is turned off; it is of no destination";
  Read(WithMixpanel({{"DESTINATIONS", "mixpanel, s3"},
                     {"s3_bucket", "b"},
                     {"s3_region", "r"},
                     {"s3_access_key_id", "i"},
                     {"s3_secret_access_key", "k"},
                     {"FRONTED_URL", "x"},
                     {"S3_BUKET", "x"},
                     {"s3_secret_acces_key", "hidden"},
                     {"RUNTIMES", "x"},
                     {"MILLRACE_STATE", "x"},
                     {"AZURE_CLIENT_ID", "x"},
                     {"GCS_PROJECT_ID", "x"},
                     {"PATH", "x"},
                     {"PORTS", "x"},
                     {"HOME", "x"}}));
  EXPECT_THAT(problems_,
              AllOf(HasSubstr("4 problems"), HasSubstr("did you mean FRONTEND_URL?"),
                    HasSubstr("S3_BUKET: is no variable of the proxy; did you mean s3_bucket?"),
                    HasSubstr("did you mean s3_secret_access_key?"),
                    HasSubstr("did you mean RUNTIME?"), Not(HasSubstr("hidden"))));
  Read({{"DESTINATION", "mixpanel"}, {"FRONTED_URL", "x"}});
  EXPECT_EQ(problems_,
            "DESTINATION: is no variable of the proxy; did you mean DESTINATIONS? "
            "Correct or remove it");
  Read({{"DESTINATIONS", "mixpannel,gcs"}, {"gcs_bucket", "b"}});
  EXPECT_THAT(problems_, HasSubstr("\"mixpannel\" is not known; did you mean \"mixpanel\"?"));
  Read(WithMixpanel({{"NODE_ENV", "dve"}}));
  EXPECT_THAT(problems_, HasSubstr("NODE_ENV: \"dve\" is not known; write dev or prod"));
  Read({{"DESTINATIONS", ","}});
  EXPECT_EQ(problems_, "DESTINATIONS: names no destination");
}

TEST_F(VariablesTest, WithoutMeaningAreNamedWithTheReason) {
  Read(WithMixpanel({{"QUEUE_MAX", "10"},
                     {"QUEUE_INTERVAL", "900"},
                     {"MAX_RETRIES", "5"},
                     {"REGION", "EU"},
                     {"snowflake_task", "t"}}));
  EXPECT_EQ(problems_, "");
  for (const char* name : {"QUEUE_MAX", "QUEUE_INTERVAL", "MAX_RETRIES", "REGION"}) {
    EXPECT_THAT(warnings_, HasSubstr(StrCat(name, ": has no effect: "))) << name;
  }
  EXPECT_THAT(warnings_, Not(HasSubstr("snowflake"))) << "it is not in DESTINATIONS";
}

TEST(VariableTable, NamesAreUniqueAndOfKnownDestinations) {
  std::map<std::string_view, int> seen;
  for (const Variable& variable : AllVariables()) {
    EXPECT_EQ(++seen[variable.name], 1) << variable.name;
    const auto kinds = DestinationKinds();
    EXPECT_TRUE(variable.destination.empty() ||
                std::find(kinds.begin(), kinds.end(), variable.destination) != kinds.end());
  }
}

}  // namespace
}  // namespace millrace::proxy_config
