#include "proxy_config/proxy_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace::proxy_config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string Error(std::string_view json) {
  ConfigProblems problems;
  ParseProxyConfig(json, "proxy.json", problems);
  return std::string(ToStd(problems.ToStatus("").message()));
}

TEST(ProxyConfigTest, HasSettingsAndDestinations) {
  ConfigProblems problems;
  const ProxyConfig config = ParseProxyConfig(R"({
      "$schema": "proxy.schema.json",
      "listen": "0.0.0.0:8080", // a comment
      "threads": 4, "anonymize_ip": true, "prefix": ["/a", "/b"],
      "destinations": {
        "mixpanel": "mixpanel",
        "lake": {"uri": "s3://b/l", "format": "parquet", "transform": "lake.js",
                 "environment": {"AWS_REGION": "LAKE_REGION", "AWS_PROFILE": null}}
      },
      "dlq_environment": {"A": "B"}})",
                                              "proxy.json", problems);
  ASSERT_TRUE(problems.empty()) << problems.ToStatus("");
  EXPECT_EQ(config.settings.size(), 4u);
  EXPECT_THAT(config.settings.at("listen").values, ElementsAre("0.0.0.0:8080"));
  EXPECT_EQ(config.settings.at("listen").origin, "proxy.json: listen");
  EXPECT_TRUE(config.settings.at("listen").is_text);
  EXPECT_THAT(config.settings.at("threads").values, ElementsAre("4"));
  EXPECT_FALSE(config.settings.at("threads").is_text);
  EXPECT_THAT(config.settings.at("anonymize_ip").values, ElementsAre("true"));
  EXPECT_TRUE(config.settings.at("prefix").is_list);
  EXPECT_THAT(config.settings.at("prefix").values, ElementsAre("/a", "/b"));
  ASSERT_EQ(config.destinations.size(), 2u);
  const ConfiguredDestination& lake = config.destinations[0];
  EXPECT_EQ(lake.name, "lake");
  EXPECT_EQ(lake.target.uri, "s3://b/l?format=parquet");
  EXPECT_EQ(lake.target.environment.at("AWS_REGION"), "LAKE_REGION");
  EXPECT_EQ(lake.transform, "lake.js");
  EXPECT_EQ(config.destinations[1].target.uri, "mixpanel");
  EXPECT_EQ(config.dlq_environment.at("A"), "B");
}

TEST(ProxyConfigTest, WhatIsWrittenReadsTheSame) {
  ProxyConfig config;
  config.Set("listen", "127.0.0.1:0", "");
  config.settings["threads"] = {.values = {"4"}, .is_text = false};
  config.SetList("origin", {"https://a.example"}, "");
  config.destinations = {{"a", {"null:", {{"X", "Y"}, {"Z", std::nullopt}}}, "t.js", ""},
                         {"b", {"mixpanel", {}}, "", ""}};
  config.dlq_environment = {{"P", "Q"}};
  const std::string text = ToJson(config);
  ConfigProblems problems;
  const ProxyConfig read = ParseProxyConfig(text, "p", problems);
  EXPECT_TRUE(problems.empty()) << problems.ToStatus("");
  EXPECT_EQ(ToJson(read), text);
  EXPECT_EQ(read.destinations[0].target.environment, config.destinations[0].target.environment);

  config.destinations = {{"c", {"postgres://user:hidden@host/db", {}}, "", ""}};
  EXPECT_THAT(ToJson(config), Not(HasSubstr("hidden")));
}

TEST(ProxyConfigTest, NamesAllProblemsAtOnce) {
  EXPECT_THAT(
      Error(R"({"listen": {}, "prefix": [1], "dlq_environment": 1,
                "destinations": {"Big": "null:", "a": {}, "b": {"uri": "null:", "transform": 1},
                                 "c": {"uri": "null:", "environment": {"A": "not a name!"}}}})"),
      AllOf(HasSubstr("7 problems"), HasSubstr("proxy.json: listen: must be a text, a number"),
            HasSubstr("proxy.json: prefix: must be"),
            HasSubstr("proxy.json: dlq_environment: must"),
            HasSubstr("proxy.json: destinations: \"Big\": a name has"),
            HasSubstr("proxy.json: destinations: \"a\": uri: is missing"),
            HasSubstr("proxy.json: destinations: \"b\": transform: is a number"),
            HasSubstr("proxy.json: destinations: \"c\": environment: \"A\""),
            Not(HasSubstr("not a name!"))));
  EXPECT_THAT(Error(R"({"destinations": {}})"), HasSubstr("destinations: must be an object"));
  EXPECT_THAT(Error(R"({"destinations": {"a": {"uri": "null:", "transform": ""}}})"),
              HasSubstr("path of a JavaScript file"));
}

TEST(ProxyConfigTest, OtherTextsAreRefused) {
  for (const char* json : {"", "{", "{} {}", R"({"a": 1, "a": 2})"}) {
    EXPECT_THAT(Error(json), HasSubstr("proxy.json: ")) << json;
  }
  for (const char* json : {"[]", "null", "1"}) {
    EXPECT_THAT(Error(json), HasSubstr("write an object")) << json;
  }
}

TEST(ProxyConfigTest, AFileComesBeforeVariables) {
  ProxyConfig file, variables;
  file.Set("listen", "a", "file");
  variables.Set("listen", "b", "PORT");
  variables.Set("region", "eu", "MIXPANEL_REGION");
  variables.destinations = {{"m", {"mixpanel", {}}, "", ""}};
  file.FillFrom(variables);
  EXPECT_THAT(file.settings.at("listen").values, ElementsAre("a"));
  EXPECT_THAT(file.settings.at("region").values, ElementsAre("eu"));
  EXPECT_EQ(file.destinations.size(), 1u);
}

}  // namespace
}  // namespace millrace::proxy_config
