#include "pipeline/write_batch.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/testing/fake_source.h"

namespace millrace {
namespace {

class WriteBatchTest : public testing::Test {
 protected:
  ChunkReader::Taken Take(const std::string& object, uint64_t first_row,
                          std::vector<std::string> rows) {
    LedgerEntry entry;
    entry.key.object = object;
    ChunkReader::Taken taken;
    taken.chunk = std::make_unique<Chunk>();
    taken.chunk->object = std::make_shared<const LedgerEntry>(entry);
    taken.chunk->first_row = first_row;
    taken.chunk->rows = rows.size();
    taken.chunk->after.row = first_row + rows.size();
    auto payload = std::make_unique<FakePayload>();
    payload->rows = std::move(rows);
    taken.chunk->payload = std::move(payload);
    taken.ticket.object =
        std::make_shared<ObjectProgress>(entry, StoreSchedule(), absl::ZeroDuration());
    return taken;
  }
  void MustFill(size_t max_bytes) {
    const absl::Status status = write_batch_.Fill(max_bytes, transform_);
    EXPECT_TRUE(status.ok()) << status;
  }
  void MustAdd(ChunkReader::Taken taken) {
    write_batch_.Begin(std::move(taken), transform_);
    MustFill(1 << 20);
    EXPECT_FALSE(write_batch_.is_open());
  }

  WriteBatch write_batch_;
  FakeTransform transform_;
};

TEST_F(WriteBatchTest, JoinsChunksOfSeveralObjects) {
  MustAdd(Take("one", 10, {"a", "f", "r", "aaa"}));
  MustAdd(Take("two", 0, {"r"}));
  MustAdd(Take("three", 5, {"a"}));
  EXPECT_EQ(write_batch_.batch().rows(), 5u);
  EXPECT_EQ(write_batch_.records(), 7u);
  ASSERT_EQ(write_batch_.parts().size(), 3u);
  const WriteBatch::Part& one = write_batch_.parts()[0];
  EXPECT_EQ(one.counts,
            (Counts{.read = 4, .accepted = 2, .rejected = 1, .filtered = 1, .events = 4}));
  ASSERT_EQ(write_batch_.rejections(one).size(), 1u);
  EXPECT_EQ(write_batch_.rejections(one)[0].source_row, 12u);
  EXPECT_EQ(write_batch_.parts()[1].counts, (Counts{.read = 1, .rejected = 1}));
  EXPECT_EQ(write_batch_.parts()[2].counts, (Counts{.read = 1, .accepted = 1, .events = 1}));
}

TEST_F(WriteBatchTest, SpansSayWhereTheRowsComeFrom) {
  ChunkReader::Taken first = Take("one", 10, {"a", "f", "aa"});
  ChunkReader::Taken second = Take("one", 13, {"f", "f"});
  ChunkReader::Taken third = Take("one", 15, {"a"});
  ChunkReader::Taken after_a_gap = Take("one", 20, {"a", "r"});
  const std::shared_ptr<ObjectProgress> one = first.ticket.object;
  second.ticket.object = third.ticket.object = after_a_gap.ticket.object = one;
  MustAdd(std::move(first));
  MustAdd(std::move(second));
  MustAdd(std::move(third));
  MustAdd(std::move(after_a_gap));
  MustAdd(Take("two", 0, {"r"}));
  MustAdd(Take("three", 5, {"a"}));

  const std::vector<BatchSpan> spans = write_batch_.Spans();
  ASSERT_EQ(spans.size(), 3u);
  EXPECT_EQ(spans[0].object, &one->key());
  EXPECT_EQ(*spans[0].writer, one->writer());
  EXPECT_EQ(spans[0].first, 0u);
  EXPECT_EQ(spans[0].rows, 4u);
  EXPECT_EQ(spans[0].begin_row, 10u);
  EXPECT_EQ(spans[0].end_row, 16u);
  EXPECT_EQ(spans[1].object, &one->key());
  EXPECT_EQ(spans[1].first, 4u);
  EXPECT_EQ(spans[1].rows, 1u);
  EXPECT_EQ(spans[1].begin_row, 20u);
  EXPECT_EQ(spans[1].end_row, 22u);
  EXPECT_EQ(spans[2].object->object, "three");
  EXPECT_EQ(spans[2].first, 5u);
  EXPECT_EQ(spans[2].rows, 1u);
  EXPECT_EQ(spans[2].begin_row, 5u);
}

TEST_F(WriteBatchTest, TheBatchesOfAChunkSettleItsRowsOnceEach) {
  write_batch_.Begin(Take("one", 10, {"f", "aaaa", "f", "r", "aaaa", "f", "a"}), transform_);
  uint64_t settled = 10;
  for (;;) {
    MustFill(150);
    for (const BatchSpan& span : write_batch_.Spans()) {
      EXPECT_EQ(span.begin_row, settled);
      settled = span.end_row;
      for (const uint64_t row : write_batch_.batch().source_rows) {
        EXPECT_GE(row, span.begin_row);
        EXPECT_LT(row, span.end_row);
      }
    }
    if (!write_batch_.is_open()) break;
    write_batch_.NextBatch();
  }
  EXPECT_EQ(settled, 17u);
}

TEST_F(WriteBatchTest, RowsThatAreDeliveredAreLeftOutAndCountAsAccepted) {
  MustAdd(Take("zero", 0, {"a"}));
  ChunkReader::Taken taken = Take("one", 10, {"aa", "r", "a", "aaa", "f", "a"});
  RowRanges delivered;
  delivered.Add(0, 11);
  delivered.Add(13, 15);
  taken.ticket.object->set_delivered(std::move(delivered));
  MustAdd(std::move(taken));
  MustAdd(Take("two", 11, {"a"}));

  LedgerKey key;
  key.object = "one";
  const Batch& batch = write_batch_.batch();
  EXPECT_EQ(batch.source_rows, (std::vector<uint64_t>{0, 12, 15, 11}));
  EXPECT_EQ(batch.row(1), FakeEvent(key, 12, 0, 'a'));
  EXPECT_EQ(batch.row(2), FakeEvent(key, 15, 0, 'a'));
  EXPECT_EQ(batch.bytes.size(), batch.row_ends.back());
  const WriteBatch::Part& one = write_batch_.parts()[1];
  EXPECT_EQ(one.counts,
            (Counts{.read = 6, .accepted = 4, .rejected = 1, .filtered = 1, .events = 7}));
  const std::vector<BatchSpan> spans = write_batch_.Spans();
  ASSERT_EQ(spans.size(), 3u);
  EXPECT_EQ(spans[1].rows, 2u);
  EXPECT_EQ(spans[1].begin_row, 10u);
  EXPECT_EQ(spans[1].end_row, 16u);
  EXPECT_EQ(spans[2].first, 3u);
}

TEST_F(WriteBatchTest, AChunkThatIsDeliveredLeavesNothingToWrite) {
  ChunkReader::Taken taken = Take("one", 0, {"a", "aa"});
  RowRanges delivered;
  delivered.Add(0, 2);
  taken.ticket.object->set_delivered(std::move(delivered));
  MustAdd(std::move(taken));
  EXPECT_TRUE(write_batch_.batch().empty());
  EXPECT_TRUE(write_batch_.batch().bytes.empty());
  EXPECT_EQ(write_batch_.parts()[0].counts.accepted, 2u);
}

TEST_F(WriteBatchTest, ARowOfWhichAnyEventIsRefusedIsRejectedOnceWithAllOfThese) {
  MustAdd(Take("one", 0, {"a", "aaa"}));
  MustAdd(Take("two", 7, {"a", "a"}));
  std::vector<RefusedRow> refused(3);
  refused[0] = {.row = 1, .code = "c", .field = "f", .message = "m"};
  refused[1] = {.row = 3, .code = "d"};
  refused[2] = {.row = 5, .code = "e"};
  ASSERT_TRUE(write_batch_.Refuse(refused).ok());

  const WriteBatch::Part& one = write_batch_.parts()[0];
  EXPECT_EQ(one.counts, (Counts{.read = 2, .accepted = 1, .rejected = 1, .events = 2}));
  ASSERT_EQ(one.refused.size(), 1u);
  EXPECT_EQ(one.refused[0].source_row, 1u);
  EXPECT_EQ(one.refused[0].code, "c");
  EXPECT_EQ(one.refused[0].field, "f");
  EXPECT_EQ(one.refused[0].message, "m");
  EXPECT_EQ(one.refused[0].payload_before, "");
  LedgerKey key;
  key.object = "one";
  EXPECT_EQ(one.refused[0].payload_after,
            FakeEvent(key, 1, 0, 'a') + "\n" + FakeEvent(key, 1, 2, 'a'));

  const WriteBatch::Part& two = write_batch_.parts()[1];
  EXPECT_EQ(two.counts, (Counts{.read = 2, .accepted = 1, .rejected = 1, .events = 1}));
  ASSERT_EQ(two.refused.size(), 1u);
  EXPECT_EQ(two.refused[0].source_row, 8u);
}

TEST_F(WriteBatchTest, RefusalsThatNameNoRowOfTheBatchAreAnError) {
  const std::vector<std::vector<size_t>> wrong = {{2}, {0, 0}, {1, 0}, {99}, {0, 1, 2}};
  for (const std::vector<size_t>& rows : wrong) {
    write_batch_.clear();
    MustAdd(Take("one", 0, {"a", "a"}));
    std::vector<RefusedRow> refused(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) refused[i].row = rows[i];
    EXPECT_TRUE(absl::IsInternal(write_batch_.Refuse(refused)));
  }
}

TEST_F(WriteBatchTest, ATransformThatForgetsOrInventsARowIsFound) {
  class Wrong : public Transform {
   public:
    explicit Wrong(std::function<void(Transformed&)> apply) : apply_(std::move(apply)) {}
    void Begin(Chunk&) override {}
    bool Next(size_t, Transformed& out) override {
      apply_(out);
      return true;
    }

   private:
    const std::function<void(Transformed&)> apply_;
  };
  const std::vector<std::function<void(Transformed&)>> wrongs = {
      [](Transformed&) {},
      [](Transformed& out) { out.filtered = 1; },
      [](Transformed& out) { out.filtered = 3; },
      [](Transformed& out) {
        out.batch.EndRow(5);
        out.batch.EndRow(5);
      },
      [](Transformed& out) {
        out.batch.EndRow(6);
        out.batch.EndRow(5);
      },
      [](Transformed& out) {
        out.batch.EndRow(4);
        out.batch.EndRow(5);
      },
      [](Transformed& out) {
        out.batch.EndRow(6);
        out.batch.EndRow(7);
      }};
  for (size_t i = 0; i < wrongs.size(); ++i) {
    WriteBatch write_batch;
    Wrong wrong(wrongs[i]);
    write_batch.Begin(Take("one", 5, {"a", "a"}), wrong);
    EXPECT_TRUE(absl::IsInternal(write_batch.Fill(1 << 20, wrong))) << i;
  }
}

TEST_F(WriteBatchTest, AChunkThatBecomesMuchTakesSeveralBatches) {
  MustAdd(Take("zero", 0, {"a"}));
  write_batch_.Begin(Take("one", 10, {"aaaa", "f", "r", "axa", "aa", "f"}), transform_);
  std::vector<size_t> events;
  for (MustFill(100); write_batch_.is_open(); MustFill(100)) {
    const WriteBatch::Part& part = write_batch_.parts().back();
    EXPECT_FALSE(part.complete);
    EXPECT_GE(write_batch_.batch().bytes.size() + 100 * part.rejections, 100u);
    events.push_back(part.events);
    write_batch_.NextBatch();
    ASSERT_EQ(write_batch_.parts().size(), 1u);
  }
  const WriteBatch::Part& part = write_batch_.parts().back();
  events.push_back(part.events);
  EXPECT_TRUE(part.complete);
  EXPECT_GE(events.size(), 3u);
  EXPECT_EQ(part.counts,
            (Counts{.read = 6, .accepted = 3, .rejected = 1, .filtered = 2, .events = 9}));
}

TEST_F(WriteBatchTest, RefusalsOfEarlierBatchesCount) {
  write_batch_.Begin(Take("one", 0, {"axa", "xa", "a"}), transform_);
  for (int batch = 0; batch < 3; ++batch) {
    MustFill(1);
    std::vector<RefusedRow> refused;
    for (size_t row = 0; row < write_batch_.batch().rows(); ++row) {
      if (write_batch_.batch().row(row).ends_with("\"x\"}")) refused.push_back({.row = row});
    }
    ASSERT_TRUE(write_batch_.Refuse(refused).ok());
    EXPECT_EQ(write_batch_.parts()[0].refused.size(), batch < 2 ? 1u : 0u);
    if (batch < 2) write_batch_.NextBatch();
  }
  EXPECT_FALSE(write_batch_.is_open());
  EXPECT_EQ(write_batch_.parts()[0].counts,
            (Counts{.read = 3, .accepted = 1, .rejected = 2, .events = 4}));
}

// A row split over an accepted and a refused batch would count twice.
TEST_F(WriteBatchTest, ARowThatIsDividedIsFound) {
  class Dividing : public Transform {
   public:
    void Begin(Chunk&) override {}
    bool Next(size_t, Transformed& out) override {
      out.batch.EndRow(5);
      return false;
    }
  };
  Dividing dividing;
  write_batch_.Begin(Take("one", 5, {"a", "a"}), dividing);
  EXPECT_TRUE(write_batch_.Fill(1, dividing).ok());
  write_batch_.NextBatch();
  EXPECT_TRUE(absl::IsInternal(write_batch_.Fill(1, dividing)));
}

TEST_F(WriteBatchTest, ATransformWithoutProgressIsFound) {
  class Stuck : public Transform {
   public:
    void Begin(Chunk&) override {}
    bool Next(size_t, Transformed&) override { return false; }
  };
  Stuck stuck;
  write_batch_.Begin(Take("one", 5, {"a", "a"}), stuck);
  EXPECT_TRUE(absl::IsInternal(write_batch_.Fill(1, stuck)));
}

TEST_F(WriteBatchTest, AnOpenChunkCountsAsHeld) {
  write_batch_.Begin(Take("one", 0, {"aaa", "aaa"}), transform_);
  MustFill(1);
  EXPECT_EQ(write_batch_.memory(), write_batch_.batch().bytes.size() + 2 * 64);
  write_batch_.NextBatch();
  EXPECT_EQ(write_batch_.memory(), 2u * 64);
  MustFill(1 << 20);
  EXPECT_EQ(write_batch_.memory(), write_batch_.batch().bytes.size());
}

TEST_F(WriteBatchTest, IsEmptyAgainAfterClear) {
  MustAdd(Take("one", 0, {"a", "r"}));
  EXPECT_GT(write_batch_.memory(), 0u);
  write_batch_.clear();
  EXPECT_EQ(write_batch_.memory(), 0u);
  EXPECT_EQ(write_batch_.records(), 0u);
  MustAdd(Take("two", 3, {"r"}));
  EXPECT_EQ(write_batch_.rejections(write_batch_.parts()[0])[0].source_row, 3u);
}

}  // namespace
}  // namespace millrace
