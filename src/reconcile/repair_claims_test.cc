#include "reconcile/repair_claims.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/strings.h"
#include "pipeline/testing/fake_sink.h"

namespace millrace {
namespace {

class RepairClaimsTest : public testing::Test {
 protected:
  void SetUp() override { warehouse_.KeepCursor(); }

  // As the run of a repair does. True if rows were written.
  bool Write(RepairClaims& claims, uint64_t row) {
    const std::string writer = StrCat(claims.owner(), "/1");
    const auto rows = claims.Claim(key_, writer, {});
    EXPECT_TRUE(rows.ok()) << rows.status();
    Batch batch;
    batch.bytes.Append("{}");
    batch.EndRow(row);
    const BatchSpan span = {.object = &key_,
                            .writer = &writer,
                            .first = 0,
                            .rows = 1,
                            .begin_row = row,
                            .end_row = row + 1};
    const WriteResult result = warehouse_.NewSink()->Write(batch, {&span, 1}, {});
    EXPECT_TRUE(result.durable()) << result.status();
    return result.fenced().empty();
  }

  const LedgerKey key_{.object = "repair:o", .version = "1", .config = "c", .destination = "d"};
  FakeDestination warehouse_;
};

TEST_F(RepairClaimsTest, TheOneThatTookTheObjectLastWrites) {
  RepairClaims first(*warehouse_.cursor()), later(*warehouse_.cursor());
  ASSERT_TRUE(first.Take(key_, {}).ok());
  EXPECT_TRUE(Write(first, 0));
  ASSERT_TRUE(later.Take(key_, {}).ok());
  EXPECT_FALSE(Write(first, 1));
  EXPECT_TRUE(Write(later, 1));
}

// The third one forgets what the second one wrote, which the first one has not seen.
TEST_F(RepairClaimsTest, ALateRunDoesNotTakeTheObjectBack) {
  RepairClaims first(*warehouse_.cursor()), second(*warehouse_.cursor()),
      third(*warehouse_.cursor());
  ASSERT_TRUE(first.Take(key_, {}).ok());
  ASSERT_TRUE(second.Take(key_, {}).ok());
  EXPECT_TRUE(Write(second, 0));
  ASSERT_TRUE(third.Take(key_, {}).ok());
  EXPECT_FALSE(Write(first, 0));
  EXPECT_TRUE(Write(third, 1));
}

TEST_F(RepairClaimsTest, WhatEarlierRepairsWroteMayBeWrittenAgain) {
  for (int repair = 0; repair < 2; ++repair) {
    RepairClaims claims(*warehouse_.cursor());
    ASSERT_TRUE(claims.Take(key_, {}).ok());
    const auto rows = claims.Claim(key_, StrCat(claims.owner(), "/1"), {});
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_TRUE(rows->empty());
    EXPECT_TRUE(Write(claims, 0));
  }
}

}  // namespace
}  // namespace millrace
