// proxy.json can say what flags say, its schema and its page too.
#include "cli/proxy_flags.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <type_traits>
#include <variant>

#include "base/config_reader.h"
#include "base/strings.h"
#include "cli/flag_value.h"
#include "io/durable_file.h"
#include "proxy_config/proxy_config.h"

namespace millrace::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string Read(std::string_view path) {
  const absl::StatusOr<std::string> text = ReadWholeFile(StrCat(MILLRACE_SOURCE_DIR, "/", path));
  EXPECT_TRUE(text.ok()) << text.status();
  return text.value_or("");
}

// The type of the flag's values.
struct TypeWriter {
  Json operator()(const bool*) const { return {{"type", "boolean"}}; }
  Json operator()(const std::string*) const { return {{"type", "string"}}; }
  Json operator()(const std::vector<std::string>*) const {
    return {{"type", "array"}, {"items", {{"type", "string"}}}};
  }
  Json operator()(const Ranged<absl::Duration>&) const { return {{"type", "string"}}; }
  template <typename Number>
  Json operator()(const Ranged<Number>& range) const {
    Json type = {{"type", std::is_same_v<Number, double> ? "number" : "integer"},
                 {"minimum", range.min}};
    if (range.max != std::numeric_limits<Number>::max()) type["maximum"] = range.max;
    return type;
  }
};

Json SchemaOf(const Flag& flag) {
  if (flag.secret) {
    return {
        {"type", "string"},
        {"pattern", "^[A-Za-z0-9_]{1,256}$"},
        {"description", StrCat("name of the environment variable that has the value: ", flag.doc)}};
  }
  Json schema = std::visit(TypeWriter{}, flag.target);
  schema["description"] = flag.doc;
  const std::string value = ValueOf(flag);
  if (std::holds_alternative<bool*>(flag.target) || IsList(flag) || value.empty()) return schema;
  schema["default"] = IsText(flag) ? Json(value) : Json::parse(value);
  return schema;
}

const Json kVariableNames = {
    {"type", "object"},
    {"propertyNames", {{"pattern", "^[A-Za-z0-9_]{1,256}$"}}},
    {"additionalProperties", {{"type", {"string", "null"}}, {"pattern", "^[A-Za-z0-9_]{1,256}$"}}}};

Json Schema() {
  Json destination = Json::parse(Read("schemas/destinations.schema.json"))["additionalProperties"];
  destination["anyOf"][1]["properties"]["transform"] = {
      {"type", "string"},
      {"minLength", 1},
      {"description",
       "a file of JavaScript that changes or drops each record on its way to this destination"}};
  Json properties = {{"$schema", {{"type", "string"}}},
                     {"destinations",
                      {{"type", "object"},
                       {"minProperties", 1},
                       {"description", "destinations by name: docs/proxy-json.md"},
                       {"propertyNames", {{"pattern", "^[a-z0-9_-]{1,64}$"}}},
                       {"additionalProperties", destination}}}};
  properties["dlq_environment"] = kVariableNames;
  properties["dlq_environment"]["description"] =
      "variables that the Pub/Sub topics for dead letters see in their own way, as \"environment\" "
      "of a destination";
  ProxyFlags flags;
  for (const Flag& flag : flags.Table()) {
    if (const std::string key = ConfigKeyOf(flag); !key.empty()) properties[key] = SchemaOf(flag);
  }
  return {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
          {"title", "Millrace proxy.json"},
          {"description",
           "The configuration of millrace proxy, for --config. Generated from its flags."},
          {"type", "object"},
          {"properties", properties},
          {"additionalProperties", false}};
}

TEST(ProxySchema, IsCurrent) {
  const std::string schema = Schema().dump(2) + "\n";
  const std::string path = "schemas/proxy.schema.json";
  if (std::getenv("MILLRACE_UPDATE_DOCS") != nullptr) {
    std::ofstream(StrCat(MILLRACE_SOURCE_DIR, "/", path)) << schema;
  }
  EXPECT_TRUE(Read(path) == schema) << "run this test with MILLRACE_UPDATE_DOCS=1 to write it";
}

TEST(ProxySchema, ADestinationHasAnEnvironment) {
  const Json schema = Json::parse(Read("schemas/destinations.schema.json"));
  Json environment =
      schema["additionalProperties"]["anyOf"][1]["properties"].value("environment", Json());
  environment.erase("description");
  EXPECT_EQ(environment, kVariableNames);
}

TEST(ProxyJsonPage, ExplainsEachKey) {
  const std::string page = Read("docs/proxy-json.md");
  const Json keys = Schema()["properties"];
  for (const auto& [key, schema] : keys.items()) {
    EXPECT_NE(page.find(StrCat("`", key, "`")), std::string::npos) << key;
  }
}

TEST(ProxyJsonPage, HasExamplesThatLoad) {
  const std::string page = Read("docs/proxy-json.md");
  const Json keys = Schema()["properties"];
  int examples = 0;
  for (size_t at = page.find("```json\n"); at != std::string::npos;
       at = page.find("```json\n", at)) {
    at += std::string_view("```json\n").size();
    const std::string example = page.substr(at, page.find("\n```", at) - at);
    ConfigProblems problems;
    const proxy_config::ProxyConfig config =
        proxy_config::ParseProxyConfig(example, "example", problems);
    EXPECT_TRUE(problems.empty()) << problems.ToStatus("");
    for (const auto& [key, setting] : config.settings) EXPECT_TRUE(keys.contains(key)) << key;
    ++examples;
  }
  EXPECT_GE(examples, 3);
}

TEST(ProxyFlags, SecretsAndWhatStartsAProxyAreNotInTheFile) {
  ProxyFlags flags;
  std::set<std::string> keys;
  for (const Flag& flag : flags.Table()) {
    const std::string key = ConfigKeyOf(flag);
    EXPECT_TRUE(key.empty() || keys.insert(key).second) << key;
  }
  EXPECT_TRUE(keys.contains("replace_token_variable"));
  for (const char* key : {"config", "env_file", "check", "json", "to", "replace_token",
                          "mixpanel_project_token", "mixpanel_api_secret"}) {
    EXPECT_FALSE(keys.contains(key)) << key;
  }
}

}  // namespace
}  // namespace millrace::cli
