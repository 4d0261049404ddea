#include "destinations/named_destinations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace {
namespace {

using testing::AllOf;
using testing::HasSubstr;

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
  EXPECT_EQ(named->UriOf("lake"), "null:");
  EXPECT_EQ(named->UriOf("warehouse"),
            "postgres://h/d?sslmode=require&table=a%20b.c&columns=plan%2Cseats%3Anumber"
            "&add_columns=true&port=1");
  EXPECT_EQ(named->UriOf("mixpanel"), std::nullopt);
}

TEST(NamedDestinationsTest, NamesAllProblemsAtOnce) {
  EXPECT_THAT(Error(R"({"Big": "null:", "mixpanel": "null:", "a": 1, "b": {}, "c": {"uri":
                        "null:", "x": {"y": 1}}})"),
              AllOf(HasSubstr("\"Big\": a name has"), HasSubstr("\"mixpanel\" is a destination"),
                    HasSubstr("\"a\" must be a URI"), HasSubstr("\"b\" needs \"uri\""),
                    HasSubstr("\"c\".x must be a text")));
}

TEST(NamedDestinationsTest, OtherTextsAreRefused) {
  for (const char* json : {"", "[]", "{", "{} {}", "null"}) {
    EXPECT_THAT(Error(json), HasSubstr("d.json: not a JSON object")) << json;
  }
}

}  // namespace
}  // namespace millrace
