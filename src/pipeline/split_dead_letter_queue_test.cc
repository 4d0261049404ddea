#include "pipeline/split_dead_letter_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/testing/memory_dead_letter_queue.h"

namespace millrace {
namespace {

TEST(SplitDeadLetterQueue, WhoRefusedDecides) {
  MemoryDeadLetterQueue unmapped;
  MemoryDeadLetterQueue refused;
  SplitDeadLetterQueue split(unmapped, refused);
  const LedgerKey key{.object = "gs://b/o"};
  const std::vector<Rejection> rejections = {
      {.source_row = 1, .code = "invalid_time", .payload_before = "{}"},
      {.source_row = 2, .code = "rejected_by_destination", .payload_after = "{}"},
      {.source_row = 3, .code = "event_too_large", .payload_before = "{}", .payload_after = "{}"},
      {.source_row = 4, .code = "event_too_large", .payload_after = "{}"},
      {.source_row = 5, .code = "unreadable_row"},
      {.source_row = 6,
       .code = "rejected_by_destination",
       .payload_before = "{}",
       .payload_after = "{}"}};
  ASSERT_TRUE(split.Add(key, rejections).ok());
  ASSERT_TRUE(split.Sync(key).ok());
  const auto rows = [&](MemoryDeadLetterQueue& dead_letter) {
    std::vector<uint64_t> rows;
    for (const Rejection& rejection : dead_letter.Durable(key))
      rows.push_back(rejection.source_row);
    return rows;
  };
  EXPECT_EQ(rows(unmapped), (std::vector<uint64_t>{1, 3, 5}));
  EXPECT_EQ(rows(refused), (std::vector<uint64_t>{2, 4, 6}));
}

}  // namespace
}  // namespace millrace
