#include "proxy/dead_letter_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/blocking_counter.h"
#include "pipeline/testing/memory_dead_letter_queue.h"

namespace millrace::proxy {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr absl::Time kNoon = absl::FromUnixSeconds(1'796'040'000);

RejectedBatch BatchOf(std::initializer_list<std::string> payloads,
                      RecordType type = RecordType::kEvent, absl::Time arrival = kNoon) {
  RejectedBatch batch{.type = type, .arrival = arrival};
  for (const std::string& payload : payloads) {
    batch.records.push_back({"unreadable_row", "properties", "why", payload});
  }
  return batch;
}

TEST(DeadLetterWriter, AcknowledgesWhatIsDurable) {
  MemoryDeadLetterQueue queue;
  const LedgerKey today = DeadLetterWriter::ObjectOf("s", RecordType::kEvent, kNoon);
  {
    DeadLetterWriter writer({.spool = "s"}, queue);
    constexpr int kRequests = 100;
    absl::BlockingCounter acknowledged(kRequests);
    std::atomic<int> durable{0};
    for (int i = 0; i < kRequests; ++i) {
      writer.Add(BatchOf({"a", "b"}), [&](const absl::Status& status) {
        queue.Crash();
        if (status.ok()) ++durable;
        acknowledged.DecrementCount();
      });
    }
    acknowledged.Wait();
    EXPECT_EQ(durable, kRequests);
  }
  const std::vector<Rejection> kept = queue.Durable(today);
  ASSERT_THAT(kept, SizeIs(200));
  EXPECT_EQ(kept[0].code, "unreadable_row");
  EXPECT_EQ(kept[0].field, "properties");
  EXPECT_EQ(kept[0].payload_before, "a");
  EXPECT_EQ(kept[1].payload_before, "b");
  for (size_t i = 1; i < kept.size(); ++i) EXPECT_GT(kept[i].source_row, kept[i - 1].source_row);
}

TEST(DeadLetterWriter, HasAnObjectForEachDayAndType) {
  MemoryDeadLetterQueue queue;
  {
    DeadLetterWriter writer({.spool = "s"}, queue);
    const auto ignore = [](const absl::Status&) {};
    writer.Add(BatchOf({"a"}), ignore);
    writer.Add(BatchOf({"b"}, RecordType::kUser), ignore);
    writer.Add(BatchOf({"c"}, RecordType::kEvent, kNoon + absl::Hours(24)), ignore);
  }
  std::vector<std::string> objects;
  for (const LedgerKey& key : queue.Objects()) {
    objects.push_back(key.object + " " + key.destination);
  }
  EXPECT_THAT(objects, ElementsAre("proxy:s/2026-11-30 events", "proxy:s/2026-11-30 users",
                                   "proxy:s/2026-12-01 events"));
}

class BrokenQueue final : public DeadLetterQueue {
 public:
  absl::Status Add(const LedgerKey&, absl::Span<const Rejection>) override {
    return absl::OkStatus();
  }
  absl::Status Sync(const LedgerKey&) override { return absl::UnavailableError("disk"); }
  absl::Status RemoveRows(const LedgerKey&, uint64_t, uint64_t) override {
    return absl::OkStatus();
  }
};

TEST(DeadLetterWriter, SaysWhatIsNotDurable) {
  BrokenQueue queue;
  absl::Status status;
  {
    DeadLetterWriter writer({.spool = "s"}, queue);
    writer.Add(BatchOf({"a"}), [&](const absl::Status& done) { status = done; });
  }
  EXPECT_TRUE(absl::IsUnavailable(status));
}

}  // namespace
}  // namespace millrace::proxy
