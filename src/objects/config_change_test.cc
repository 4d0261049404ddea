#include "objects/config_change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

LedgerEntry Sent(const std::string& config, LedgerState state = LedgerState::kDone) {
  LedgerEntry entry;
  entry.key = {"gs://b/k", "1", config, "d"};
  entry.state = state;
  entry.updated = absl::FromUnixSeconds(1'700'000'000);
  entry.config_parts = "source_prefix:1 field_mappings:2";
  return entry;
}

SourceConfig Config(const std::string& id) {
  SourceConfig config;
  config.config_id = id;
  config.fingerprint_parts = "source_prefix:1 field_mappings:3 time_zone:4";
  return config;
}

TEST(ConfigChange, SaysWhatChangedAndSinceWhen) {
  const ConfigChange change = ConfigChangeOf(Sent("a:b:0123"), Config("a:b"));
  EXPECT_EQ(Describe(change),
            StrCat("gs://b/k was imported at 2023-11-14 22:13:20 UTC under the config entry "
                   "\"a:b\", which has changed since (field_mappings, time_zone). Nothing more was "
                   "sent. ",
                   kForceAdvice));
}

TEST(ConfigChange, SaysWhichEntryMatchesNow) {
  EXPECT_THAT(Describe(ConfigChangeOf(Sent("a:0123"), Config("b"))),
              AllOf(HasSubstr("\"a\", and the entry \"b\" matches now"), Not(HasSubstr("since"))));
  EXPECT_THAT(Describe(ConfigChangeOf(Sent("a:0123", LedgerState::kOpen), Config("a"))),
              HasSubstr("was imported in part at"));
}

TEST(ConfigChanges, JoinsTheSameAndHoldsABoundedNumber) {
  ConfigChanges changes;
  for (int i = 0; i < 3; ++i) changes.Add(ConfigChangeOf(Sent("a:0123"), Config("a")));
  ASSERT_EQ(changes.listed().size(), 1u);
  EXPECT_THAT(Describe(changes.listed()[0]), HasSubstr("3 objects, such as gs://b/k, were"));
  for (int i = 0; i < 100; ++i) changes.Add(ConfigChangeOf(Sent("a:0"), Config(StrCat("b", i))));
  EXPECT_EQ(changes.listed().size(), ConfigChanges::kMaxListed);
}

}  // namespace
}  // namespace millrace
