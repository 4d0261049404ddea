#include "spool/log_transform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "mapping/sources_config.h"
#include "spool/testing/delivered_events.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Time kNow = absl::FromUnixSeconds(1'796'008'365);

// Mapping would write the time first, so its result is not mistaken for a copy.
constexpr std::string_view kLines =
    "{\"event\":\"a\",\"properties\":{\"x\":1,\"time\":1796008365000,\"distinct_id\":\"u\"}}\n"
    "{\"event\":\"b\",\"properties\":{\"x\":2,\"time\":1796008365000,\"distinct_id\":\"u\"}}\n"
    "{\"event\":\"c\",\"properties\":{\"x\":3,\"time\":1796008365000,\"distinct_id\":\"u\"}}\n";

class LogTransformTest : public testing::Test {
 protected:
  static std::shared_ptr<const SourceConfig> PlainConfig() {
    return SourcesConfig::MixpanelFormat().entries()[0];
  }
  // Whether lines of a mapped frame arrive as they are in the log.
  bool Copies(const RecordRules& rules, std::shared_ptr<const SourceConfig> config,
              bool are_mapped = true) {
    LogTransform transform(clock_, rules);
    const DeliveredEvents all = Deliver(transform, LogChunk(kLines, are_mapped, std::move(config)));
    EXPECT_THAT(all.events, SizeIs(3));
    EXPECT_THAT(all.rejected, IsEmpty());
    std::string lines;
    for (const DeliveredEvent& event : all.events) lines += event.line + "\n";
    return lines == kLines;
  }

  FakeClock clock_{kNow};
};

TEST_F(LogTransformTest, CopiesMappedLines) {
  EXPECT_TRUE(Copies({}, PlainConfig()));
  EXPECT_TRUE(Copies(RecordRules::Mixpanel(), PlainConfig()));
}

TEST_F(LogTransformTest, MapsOtherLines) {
  EXPECT_FALSE(Copies({}, PlainConfig(), /*are_mapped=*/false));
}

TEST_F(LogTransformTest, MapsForDestinationsThatTakeLess) {
  RecordRules rules = RecordRules::Mixpanel();
  --rules.max_properties;
  EXPECT_FALSE(Copies(rules, PlainConfig()));
  rules = RecordRules::Mixpanel();
  --rules.max_bytes;
  EXPECT_FALSE(Copies(rules, PlainConfig()));
}

TEST_F(LogTransformTest, MapsIfTheConfigSaysHow) {
  const auto parsed = SourcesConfig::Parse(
      R"([{"config_id": "c", "source_prefix": "spool:", "mixpanel_event_name_from_field": "event",
           "field_mappings": [{"source_field": "properties.time", "mixpanel_field": "time"}]}])",
      "sources.json");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_FALSE(Copies({}, parsed->entries()[0]));

  SourceConfig scripted = *PlainConfig();
  scripted.transform = "t.js";
  scripted.transform_text = "function transform(event) { return [event, event]; }";
  LogTransform doubling(clock_, {});
  EXPECT_THAT(
      Deliver(doubling, LogChunk(kLines, true, std::make_shared<SourceConfig>(scripted))).events,
      SizeIs(6));
}

TEST_F(LogTransformTest, CopiesPieceByPieceAndNumbersRows) {
  LogTransform transform(clock_, {});
  Chunk chunk = LogChunk(kLines, true, PlainConfig(), /*first_row=*/70);
  transform.Begin(chunk);
  Transformed out;
  EXPECT_FALSE(transform.Next(1, out));
  EXPECT_THAT(out.batch.source_rows, ElementsAre(70));
  // Appends: a batch may hold rows of earlier chunks.
  EXPECT_TRUE(transform.Next(1 << 20, out));
  EXPECT_THAT(out.batch.source_rows, ElementsAre(70, 71, 72));
  EXPECT_EQ(out.batch.bytes.view(), kLines);
  // The next chunk begins with its first row.
  Chunk next = LogChunk(kLines, true, PlainConfig(), /*first_row=*/73);
  transform.Begin(next);
  EXPECT_FALSE(transform.Next(1, out));
  EXPECT_THAT(out.batch.source_rows, ElementsAre(70, 71, 72, 73));
}

}  // namespace
}  // namespace millrace
