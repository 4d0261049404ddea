#include "pipeline/whole_refusals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace {
namespace {

using testing::HasSubstr;

WriteResult Refused(std::string_view words) {
  return WriteResult::RefusedWhole(absl::FailedPreconditionError(ToAbsl(words)));
}

TEST(WholeRefusals, StopsTheRunWhileNothingWasToldApart) {
  WholeRefusals refusals;
  const auto judged = refusals.Judge(Refused("project is archived"), 3);
  EXPECT_EQ(judged.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(ToStd(judged.status().message())), HasSubstr("project is archived"));
}

TEST(WholeRefusals, BlamesTheRowsOfADestinationThatTellsRowsApart) {
  WholeRefusals refusals;
  RefusedRow named{.row = 1, .code = "c", .field = "f", .message = "m"};
  const auto durable = refusals.Judge(WriteResult::Durable({named}), 2);
  ASSERT_TRUE(durable.ok());
  ASSERT_EQ(durable->size(), 1u);
  EXPECT_EQ((*durable)[0].field, "f");

  const auto judged = refusals.Judge(Refused("not allowed here"), 2);
  ASSERT_TRUE(judged.ok()) << judged.status();
  ASSERT_EQ(judged->size(), 2u);
  EXPECT_EQ((*judged)[1].row, 1u);
  EXPECT_EQ((*judged)[1].code, "rejected_by_destination");
  EXPECT_EQ((*judged)[1].message, "not allowed here");
}

TEST(WholeRefusals, StopsARunWhoseDestinationRefusesEverythingFromSomePointOn) {
  WholeRefusals refusals;
  ASSERT_TRUE(refusals.Judge(WriteResult::Durable(), 1).ok());
  for (int i = 0; i < WholeRefusals::kMaxInARow; ++i) {
    ASSERT_TRUE(refusals.Judge(Refused("project is archived"), 1).ok());
  }
  EXPECT_FALSE(refusals.Judge(Refused("project is archived"), 1).ok());
}

TEST(WholeRefusals, ADurableWriteOrOtherWordsBeginTheCountAgain) {
  WholeRefusals refusals;
  ASSERT_TRUE(refusals.Judge(WriteResult::Durable(), 1).ok());
  for (int i = 0; i < 5 * WholeRefusals::kMaxInARow; ++i) {
    ASSERT_TRUE(refusals.Judge(Refused(i % 2 == 0 ? "one" : "two"), 1).ok());
  }
  for (int i = 0; i < 5 * WholeRefusals::kMaxInARow; ++i) {
    ASSERT_TRUE(refusals.Judge(Refused("one"), 1).ok());
    if (i % 5 == 0) {
      ASSERT_TRUE(refusals.Judge(WriteResult::Durable(), 1).ok());
    }
  }
}

}  // namespace
}  // namespace millrace
