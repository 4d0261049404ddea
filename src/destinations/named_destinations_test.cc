#include "destinations/named_destinations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string Error(std::string_view json) {
  const auto parsed = NamedDestinations::Parse(json, "d.json");
  EXPECT_TRUE(absl::IsInvalidArgument(parsed.status())) << json;
  return std::string(ToStd(parsed.status().message()));
}

TEST(NamedDestinationsTest, ANameIsAUriOrAnObjectWithOptions) {
  const auto named = NamedDestinations::Parse(R"({
      "$schema": "destinations.schema.json",
      "lake": "null:",
      "warehouse": {"uri": "postgres://h/d?sslmode=require", "table": "a b.c",
                    "columns": ["plan", "seats:number"], "add_columns": true, "port": 1}})",
                                              "d.json");
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_EQ(named->Find("lake")->uri, "null:");
  EXPECT_EQ(named->Find("warehouse")->uri,
            "postgres://h/d?sslmode=require&add_columns=true&columns=plan%2Cseats%3Anumber"
            "&port=1&table=a%20b.c");
  EXPECT_EQ(named->Find("mixpanel"), nullptr);
}

TEST(NamedDestinationsTest, ADestinationSeesVariablesInItsOwnWay) {
  const auto named = NamedDestinations::Parse(R"({"lake": {"uri": "s3://b/l", "format": "parquet",
      "environment": {"AWS_REGION": "LAKE_REGION", "AWS_PROFILE": null}}})",
                                              "d.json");
  ASSERT_TRUE(named.ok()) << named.status();
  const NamedDestination& lake = *named->Find("lake");
  EXPECT_EQ(lake.uri, "s3://b/l?format=parquet");
  const Environment process = [](std::string_view name) -> std::optional<std::string> {
    if (name == "HOME") return "/home";
    if (name == "LAKE_REGION") return "eu-west-1";
    return name.starts_with("AWS_") ? std::optional<std::string>("of the process") : std::nullopt;
  };
  const Environment own = RenameVariables(process, lake.environment);
  EXPECT_EQ(own("AWS_REGION"), "eu-west-1");
  EXPECT_EQ(own("AWS_PROFILE"), std::nullopt);
  EXPECT_EQ(own("AWS_SESSION_TOKEN"), "of the process");
  EXPECT_EQ(own("HOME"), "/home");
  EXPECT_TRUE(CheckVariables(lake.environment, process).ok());
  const auto absent = CheckVariables({{"A", "MISSING_ONE"}, {"B", std::nullopt}}, process);
  EXPECT_THAT(ToStd(absent.message()),
              AllOf(HasSubstr("are named for: A;"), Not(HasSubstr("MISSING_ONE"))));
}

TEST(NamedDestinationsTest, AnEnvironmentHasNamesOnly) {
  EXPECT_THAT(Error(R"({"a": {"uri": "null:", "environment": {"A": "the secret!", "b c": "D"}},
                        "b": {"uri": "null:", "environment": "A"}})"),
              AllOf(HasSubstr("3 problems"), HasSubstr("\"a\": environment: \"A\": write the name"),
                    HasSubstr("\"b c\""), HasSubstr("\"b\": environment: must be an object"),
                    Not(HasSubstr("the secret"))));
}

TEST(NamedDestinationsTest, NamesAllProblemsAtOnce) {
  EXPECT_THAT(Error(R"({"Big": "null:", "mixpanel": "null:", "a": 1, "b": {}, "c": {"uri":
                        "null:", "x": {"y": 1}}})"),
              AllOf(HasSubstr("d.json: 5 problems:\n"), HasSubstr("\"Big\": a name has"),
                    HasSubstr("\"mixpanel\": is the beginning of a URI already"),
                    HasSubstr("\"a\": is a number; write an object"),
                    HasSubstr("\"b\": uri: is missing"), HasSubstr("\"c\": x: must be a text")));
}

TEST(NamedDestinationsTest, OtherTextsAreRefused) {
  for (const char* json : {"", "{", "{} {}"}) {
    EXPECT_THAT(Error(json), HasSubstr("d.json: is not JSON")) << json;
  }
  for (const char* json : {"[]", "null"}) {
    EXPECT_THAT(Error(json), HasSubstr("d.json: must be an object")) << json;
  }
}

TEST(NamedDestinationsTest, NothingIsOverwrittenInSilence) {
  EXPECT_THAT(Error(R"({"a": "null:", "a": "mixpanel"})"), HasSubstr("key \"a\" twice"));
  EXPECT_THAT(Error(R"({"a": {"uri": "null:", "t": "x", "t": "y"}})"),
              HasSubstr("key \"t\" twice"));
  EXPECT_THAT(
      Error(
          R"({"null": "mixpanel", "postgres": "null:", "postgresql": "null:", "pubsub": "null:"})"),
      HasSubstr("4 problems"));
  // It would become two columns.
  EXPECT_THAT(Error(R"({"a": {"uri": "null:", "columns": ["a,b"]}})"), HasSubstr("without ','"));
}

TEST(NamedDestinationsTest, ATooLargeFileIsAMistakeInIt) {
  EXPECT_THAT(Error(std::string(5 << 20, ' ')), HasSubstr("d.json: is larger than 4 MB"));
}

}  // namespace
}  // namespace millrace
