// docs/sources-json.md and the JSON Schema say what the parser does.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/strings.h"
#include "io/durable_file.h"
#include "mapping/row_mapper.h"
#include "mapping/sources_config.h"

namespace millrace {
namespace {

std::string Read(std::string_view path) {
  const absl::StatusOr<std::string> text = ReadWholeFile(StrCat(MILLRACE_SOURCE_DIR, "/", path));
  EXPECT_TRUE(text.ok()) << text.status();
  return text.value_or("");
}

// The contents of the page's ```language blocks.
std::vector<std::string> Blocks(const std::string& page, const std::string& language) {
  const std::string fence = StrCat("```", language, "\n");
  std::vector<std::string> blocks;
  for (size_t at = page.find(fence); at != std::string::npos; at = page.find(fence, at)) {
    at += fence.size();
    const size_t end = page.find("\n```", at);
    blocks.push_back(page.substr(at, end - at + 1));
    at = end;
  }
  return blocks;
}

TEST(SourcesJsonPage, HasExamplesThatLoad) {
  const std::string page = Read("docs/sources-json.md");
  const auto folder =
      std::filesystem::path(testing::TempDir()) / StrCat("millrace_docs.", getpid());
  std::filesystem::create_directories(folder);
  for (const std::string& script : Blocks(page, "js")) {  // begins with "// its name"
    std::ofstream(folder / script.substr(3, script.find('\n') - 3)) << script;
  }
  const std::vector<std::string> examples = Blocks(page, "json");
  EXPECT_GE(examples.size(), 5U);
  for (const std::string& example : examples) {
    const auto config = SourcesConfig::Parse(example, (folder / "sources.json").string());
    ASSERT_TRUE(config.ok()) << config.status();
    for (const auto& entry : config->entries()) {
      EXPECT_TRUE(RowMapper::Make(entry, absl::UnixEpoch(), RecordRules::Mixpanel()).ok())
          << entry->config_id;
    }
  }
  std::filesystem::remove_all(folder);
}

TEST(SourcesJsonPage, ExplainsEachKeyOfTheSchema) {
  const std::string page = Read("docs/sources-json.md");
  const nlohmann::json schema = nlohmann::json::parse(Read("schemas/sources.schema.json"));
  for (const char* part : {"entry", "mapping"}) {
    for (const auto& [key, rule] : schema.at("$defs").at(part).at("properties").items()) {
      EXPECT_NE(page.find(StrCat("`", key, "`")), std::string::npos) << key;
      EXPECT_TRUE(rule.contains("description")) << key;
    }
  }
}

// The parser knows the keys of the schema, and names all that it knows if it meets another.
TEST(SourcesSchema, HasTheKeysOfTheParser) {
  const nlohmann::json schema = nlohmann::json::parse(Read("schemas/sources.schema.json"));
  const auto problem = [](std::string_view json) {
    return std::string(ToStd(SourcesConfig::Parse(json, "s").status().message()));
  };
  const std::string entry = problem(R"([{"~~~~~~~~~~": 1}])");
  const std::string mapping = problem(
      R"([{"config_id": "a", "source_prefix": "", "field_mappings": [{"~~~~~~~~~~": 1}]}])");
  for (const auto& [part, message] : {std::pair{"entry", entry}, std::pair{"mapping", mapping}}) {
    const auto& keys = schema.at("$defs").at(part).at("properties");
    const size_t begin = message.find("; write one of ", message.find("unknown key"));
    ASSERT_NE(begin, std::string::npos) << message;
    const std::string list = message.substr(begin, message.find('\n', begin) - begin);
    EXPECT_EQ(static_cast<size_t>(std::count(list.begin(), list.end(), ',')) + 1, keys.size())
        << list;
    for (const auto& [key, rule] : keys.items()) {
      EXPECT_NE(list.find(key), std::string::npos) << key << list;
    }
  }
}

}  // namespace
}  // namespace millrace
