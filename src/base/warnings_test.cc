#include "base/warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/strings.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

TEST(Warnings, AreCountedByCodeEntryAndField) {
  Warnings warnings;
  const auto add = [&](const char* code, const char* field, const char* object) {
    EXPECT_TRUE(
        warnings.Add({.code = code, .field = field, .object = object, .message = "m"}).ok());
  };
  add("missing_column", "a", "one");
  add("missing_column", "a", "two");
  add("missing_column", "b", "two");
  add("duplicate_column", "a", "two");
  const std::vector<WarningCount> all = warnings.all();
  ASSERT_EQ(all.size(), 3);
  EXPECT_EQ(all[0].count, 2);
  EXPECT_EQ(all[0].first.object, "one");
  EXPECT_EQ(all[1].first.field, "b");
  EXPECT_EQ(all[2].first.code, "duplicate_column");
}

TEST(Warnings, KeepABoundedNumberOfKindsAndCountTheRest) {
  Warnings warnings;
  for (size_t i = 0; i < Warnings::kMaxKinds + 5; ++i) {
    ASSERT_TRUE(warnings.Add({.code = "c", .field = StrCat(i), .message = "m"}, 2).ok());
  }
  const std::vector<WarningCount> all = warnings.all();
  ASSERT_EQ(all.size(), Warnings::kMaxKinds + 1);
  EXPECT_EQ(all.back().first.code, "more_warnings");
  EXPECT_EQ(all.back().count, 10);
}

TEST(Warnings, AreErrorsIfAsked) {
  Warnings warnings;
  warnings.MakeErrors();
  const absl::Status status = warnings.Add({.code = "c", .message = "a column is missing"});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(ToStd(status.message())), HasSubstr("a column is missing"));
  EXPECT_EQ(warnings.all().size(), 1);
}

TEST(Warnings, CountFromManyThreads) {
  Warnings warnings;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 1000; ++n) warnings.Add({.code = "c", .message = "m"}).IgnoreError();
      });
    }
  }
  ASSERT_EQ(warnings.all().size(), 1);
  EXPECT_EQ(warnings.all().front().count, 4000);
}

}  // namespace
}  // namespace millrace
