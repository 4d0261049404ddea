#include "pipeline/load.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/testing/fake_source.h"

namespace millrace {
namespace {

class LoadTest : public testing::Test {
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
    const absl::Status status = load_.Fill(max_bytes, transform_);
    EXPECT_TRUE(status.ok()) << status;
  }
  void MustAdd(ChunkReader::Taken taken) {
    load_.Begin(std::move(taken), transform_);
    MustFill(1 << 20);
    EXPECT_FALSE(load_.is_open());
  }

  Load load_;
  FakeTransform transform_;
};

TEST_F(LoadTest, JoinsChunksOfSeveralObjects) {
  MustAdd(Take("one", 10, {"a", "f", "r", "aaa"}));
  MustAdd(Take("two", 0, {"r"}));
  MustAdd(Take("three", 5, {"a"}));
  EXPECT_EQ(load_.batch().rows(), 5u);
  EXPECT_EQ(load_.records(), 7u);
  ASSERT_EQ(load_.parts().size(), 3u);
  const Load::Part& one = load_.parts()[0];
  EXPECT_EQ(one.counts,
            (Counts{.read = 4, .accepted = 2, .rejected = 1, .filtered = 1, .events = 4}));
  ASSERT_EQ(load_.rejections(one).size(), 1u);
  EXPECT_EQ(load_.rejections(one)[0].source_row, 12u);
  EXPECT_EQ(load_.parts()[1].counts, (Counts{.read = 1, .rejected = 1}));
  EXPECT_EQ(load_.parts()[2].counts, (Counts{.read = 1, .accepted = 1, .events = 1}));
}

TEST_F(LoadTest, ARowOfWhichAnyEventIsRefusedIsRejectedOnceWithAllOfThese) {
  MustAdd(Take("one", 0, {"a", "aaa"}));
  MustAdd(Take("two", 7, {"a", "a"}));
  std::vector<RefusedRow> refused(3);
  refused[0] = {.row = 1, .code = "c", .field = "f", .message = "m"};
  refused[1] = {.row = 3, .code = "d"};
  refused[2] = {.row = 5, .code = "e"};
  ASSERT_TRUE(load_.Refuse(refused).ok());

  const Load::Part& one = load_.parts()[0];
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

  const Load::Part& two = load_.parts()[1];
  EXPECT_EQ(two.counts, (Counts{.read = 2, .accepted = 1, .rejected = 1, .events = 1}));
  ASSERT_EQ(two.refused.size(), 1u);
  EXPECT_EQ(two.refused[0].source_row, 8u);
}

TEST_F(LoadTest, RefusalsThatNameNoRowOfTheBatchAreAnError) {
  const std::vector<std::vector<size_t>> wrong = {{2}, {0, 0}, {1, 0}, {99}, {0, 1, 2}};
  for (const std::vector<size_t>& rows : wrong) {
    load_.clear();
    MustAdd(Take("one", 0, {"a", "a"}));
    std::vector<RefusedRow> refused(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) refused[i].row = rows[i];
    EXPECT_TRUE(absl::IsInternal(load_.Refuse(refused)));
  }
}

TEST_F(LoadTest, ATransformThatForgetsOrInventsARowIsFound) {
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
    Load load;
    Wrong wrong(wrongs[i]);
    load.Begin(Take("one", 5, {"a", "a"}), wrong);
    EXPECT_TRUE(absl::IsInternal(load.Fill(1 << 20, wrong))) << i;
  }
}

TEST_F(LoadTest, AChunkThatBecomesMuchTakesSeveralBatches) {
  MustAdd(Take("zero", 0, {"a"}));
  load_.Begin(Take("one", 10, {"aaaa", "f", "r", "axa", "aa", "f"}), transform_);
  std::vector<size_t> events;
  for (MustFill(100); load_.is_open(); MustFill(100)) {
    const Load::Part& part = load_.parts().back();
    EXPECT_FALSE(part.complete);
    EXPECT_GE(load_.batch().bytes.size() + 100 * part.rejections, 100u);
    events.push_back(part.events);
    load_.NextBatch();
    ASSERT_EQ(load_.parts().size(), 1u);
  }
  const Load::Part& part = load_.parts().back();
  events.push_back(part.events);
  EXPECT_TRUE(part.complete);
  EXPECT_GE(events.size(), 3u);
  EXPECT_EQ(part.counts,
            (Counts{.read = 6, .accepted = 3, .rejected = 1, .filtered = 2, .events = 9}));
}

TEST_F(LoadTest, RefusalsOfEarlierBatchesCount) {
  load_.Begin(Take("one", 0, {"axa", "xa", "a"}), transform_);
  for (int batch = 0; batch < 3; ++batch) {
    MustFill(1);
    std::vector<RefusedRow> refused;
    for (size_t row = 0; row < load_.batch().rows(); ++row) {
      if (load_.batch().row(row).ends_with("\"x\"}")) refused.push_back({.row = row});
    }
    ASSERT_TRUE(load_.Refuse(refused).ok());
    EXPECT_EQ(load_.parts()[0].refused.size(), batch < 2 ? 1u : 0u);
    if (batch < 2) load_.NextBatch();
  }
  EXPECT_FALSE(load_.is_open());
  EXPECT_EQ(load_.parts()[0].counts,
            (Counts{.read = 3, .accepted = 1, .rejected = 2, .events = 4}));
}

// A row of which the first batch was accepted and the second not would count twice.
TEST_F(LoadTest, ARowThatIsDividedIsFound) {
  class Dividing : public Transform {
   public:
    void Begin(Chunk&) override {}
    bool Next(size_t, Transformed& out) override {
      out.batch.EndRow(5);
      return false;
    }
  };
  Dividing dividing;
  load_.Begin(Take("one", 5, {"a", "a"}), dividing);
  EXPECT_TRUE(load_.Fill(1, dividing).ok());
  load_.NextBatch();
  EXPECT_TRUE(absl::IsInternal(load_.Fill(1, dividing)));
}

TEST_F(LoadTest, ATransformThatDoesNotComeOnIsFound) {
  class Stuck : public Transform {
   public:
    void Begin(Chunk&) override {}
    bool Next(size_t, Transformed&) override { return false; }
  };
  Stuck stuck;
  load_.Begin(Take("one", 5, {"a", "a"}), stuck);
  EXPECT_TRUE(absl::IsInternal(load_.Fill(1, stuck)));
}

TEST_F(LoadTest, AnOpenChunkCountsAsHeld) {
  load_.Begin(Take("one", 0, {"aaa", "aaa"}), transform_);
  MustFill(1);
  EXPECT_EQ(load_.memory(), load_.batch().bytes.size() + 2 * 64);
  load_.NextBatch();
  EXPECT_EQ(load_.memory(), 2u * 64);
  MustFill(1 << 20);
  EXPECT_EQ(load_.memory(), load_.batch().bytes.size());
}

TEST_F(LoadTest, IsEmptyAgainAfterClear) {
  MustAdd(Take("one", 0, {"a", "r"}));
  EXPECT_GT(load_.memory(), 0u);
  load_.clear();
  EXPECT_EQ(load_.memory(), 0u);
  EXPECT_EQ(load_.records(), 0u);
  MustAdd(Take("two", 3, {"r"}));
  EXPECT_EQ(load_.rejections(load_.parts()[0])[0].source_row, 3u);
}

}  // namespace
}  // namespace millrace
