// The contract of every Source (pipeline/source.h), as a test suite. Include it in one file of a
// test program and instantiate it, as with ledger_contract.h.
#ifndef MILLRACE_PIPELINE_TESTING_SOURCE_CONTRACT_H_
#define MILLRACE_PIPELINE_TESTING_SOURCE_CONTRACT_H_

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "pipeline/source.h"
#include "pipeline/testing/memory_ledger.h"

namespace millrace {

// Some objects to read; at least two, one of them with more rows than one chunk holds. Sources read
// with this ledger.
class SourceFixture {
 public:
  virtual ~SourceFixture() = default;
  virtual MemoryLedger& ledger() = 0;
  virtual FakeClock& clock() = 0;
  // A new process reads all objects from the start of the list.
  virtual std::unique_ptr<Source> Open(const std::string& owner) = 0;
  // `hook` is called, in the thread that calls, before each call of a source to what is outside of
  // it and may make it wait: the ledger, and where its objects come from.
  virtual void set_on_outside_call(std::function<void()> hook) = 0;
  // Rows of each object, by its uri.
  virtual std::map<std::string, uint64_t> Rows() = 0;
};

using SourceMaker = std::unique_ptr<SourceFixture> (*)();

class SourceContract : public testing::TestWithParam<SourceMaker> {
 protected:
  SourceFixture& fixture() { return *fixture_; }
  MemoryLedger& ledger() { return fixture_->ledger(); }

  using Chunks = std::vector<std::unique_ptr<Chunk>>;
  static Chunks ReadAll(Source& source) {
    Chunks chunks;
    for (;;) {
      absl::StatusOr<std::unique_ptr<Chunk>> chunk = source.Next(std::stop_token());
      EXPECT_TRUE(chunk.ok()) << chunk.status();
      if (!chunk.ok() || *chunk == nullptr) return chunks;
      if ((*chunk)->object != nullptr) chunks.push_back(*std::move(chunk));
    }
  }

  // Stores in the ledger that everything up to `chunk` is done.
  LedgerEntry Settle(const Chunk& chunk) {
    LedgerEntry entry = *chunk.object;
    entry.position = chunk.after;
    entry.counts.read = entry.counts.accepted = chunk.after.row;
    if (chunk.last) entry.state = LedgerState::kDone;
    EXPECT_TRUE(ledger().Store(entry, absl::Minutes(5), {}).ok());
    return entry;
  }

  // The first chunk that is not the last of its object, of a source that reads up to there.
  static std::unique_ptr<Chunk> ReadIntoAnObject(Source& source) {
    for (;;) {
      absl::StatusOr<std::unique_ptr<Chunk>> chunk = source.Next(std::stop_token());
      EXPECT_TRUE(chunk.ok()) << chunk.status();
      if (!chunk.ok() || *chunk == nullptr) return nullptr;
      if ((*chunk)->object != nullptr && !(*chunk)->last) return *std::move(chunk);
    }
  }

 private:
  const std::unique_ptr<SourceFixture> fixture_ = GetParam()();
};

TEST_P(SourceContract, ChunksCoverEachObjectInOrder) {
  const std::unique_ptr<Source> source = fixture().Open("one");
  std::map<std::string, uint64_t> rows;
  std::shared_ptr<const LedgerEntry> object;
  for (const std::unique_ptr<Chunk>& chunk : ReadAll(*source)) {
    ASSERT_NE(chunk->object, nullptr);
    const std::string& uri = chunk->object->key.object;
    if (object == nullptr) {
      object = chunk->object;
      EXPECT_EQ(rows.count(uri), 0u) << uri << " comes twice";
      rows[uri] = 0;
    }
    EXPECT_EQ(chunk->object, object) << "objects are not mixed";
    EXPECT_EQ(chunk->first_row, rows[uri]);
    EXPECT_EQ(chunk->after.row, chunk->first_row + chunk->rows);
    EXPECT_TRUE(chunk->error.ok()) << chunk->error;
    EXPECT_EQ(chunk->payload == nullptr, chunk->rows == 0);
    EXPECT_TRUE(chunk->payload == nullptr || chunk->payload->memory() > 0);
    rows[uri] = chunk->after.row;
    if (chunk->last) object.reset();
  }
  EXPECT_EQ(object, nullptr) << "each object ends with a last chunk";
  EXPECT_EQ(rows, fixture().Rows());
}

TEST_P(SourceContract, TheEndStaysTheEnd) {
  const std::unique_ptr<Source> source = fixture().Open("one");
  ReadAll(*source);
  EXPECT_TRUE(ReadAll(*source).empty());
}

TEST_P(SourceContract, ObjectsAreClaimedBeforeTheyAreRead) {
  const std::unique_ptr<Source> source = fixture().Open("one");
  for (const std::unique_ptr<Chunk>& chunk : ReadAll(*source)) {
    EXPECT_EQ(chunk->object->owner, "one");
    const std::optional<LedgerEntry> row = ledger().Find(chunk->object->key);
    ASSERT_TRUE(row.has_value());
    EXPECT_EQ(row->owner, "one");
    EXPECT_EQ(row->revision, chunk->object->revision) << "the caller can store it";
  }
}

TEST_P(SourceContract, ReadingGoesOnWhereTheLedgerStands) {
  const std::unique_ptr<Source> before = fixture().Open("one");
  const std::unique_ptr<Chunk> chunk = ReadIntoAnObject(*before);
  ASSERT_NE(chunk, nullptr);
  LedgerEntry entry = Settle(*chunk);
  ASSERT_TRUE(ledger().Release(entry, {}).ok());
  fixture().clock().Advance(absl::Hours(1));  // other claims of the first source run out

  const std::unique_ptr<Source> after = fixture().Open("two");
  uint64_t row = chunk->after.row;
  bool ended = false;
  for (const std::unique_ptr<Chunk>& next : ReadAll(*after)) {
    if (next->object->key != chunk->object->key) continue;
    EXPECT_EQ(next->first_row, row);
    row = next->after.row;
    ended = next->last;
  }
  EXPECT_TRUE(ended);
  EXPECT_EQ(row, fixture().Rows()[chunk->object->key.object]);
}

TEST_P(SourceContract, DoneObjectsAreSkipped) {
  const std::unique_ptr<Source> before = fixture().Open("one");
  for (const std::unique_ptr<Chunk>& chunk : ReadAll(*before)) {
    if (chunk->last) Settle(*chunk);
  }
  const std::unique_ptr<Source> after = fixture().Open("two");
  EXPECT_TRUE(ReadAll(*after).empty());
}

TEST_P(SourceContract, ObjectsOfOthersAreLeftToThem) {
  const std::unique_ptr<Source> first = fixture().Open("one");
  const std::unique_ptr<Chunk> chunk = ReadIntoAnObject(*first);
  ASSERT_NE(chunk, nullptr);
  const std::unique_ptr<Source> second = fixture().Open("two");
  for (const std::unique_ptr<Chunk>& other : ReadAll(*second)) {
    EXPECT_NE(other->object->key, chunk->object->key);
  }
}

TEST_P(SourceContract, ReadyAnswersWithoutAskingAnyoneOutside) {
  bool in_ready = false;
  int calls = 0;
  fixture().set_on_outside_call([&] {
    EXPECT_FALSE(in_ready) << "a call that may block, within Ready()";
    ++calls;
  });
  const auto is_ready = [&](Source& source) {
    in_ready = true;
    const bool ready = source.Ready();
    in_ready = false;
    return ready;
  };
  // The second one finds everything done.
  for (const std::string owner : {"one", "two"}) {
    const std::unique_ptr<Source> source = fixture().Open(owner);
    absl::StatusOr<std::unique_ptr<Chunk>> chunk;
    do {
      is_ready(*source);
      chunk = source->Next(std::stop_token());
      ASSERT_TRUE(chunk.ok()) << chunk.status();
      if (*chunk != nullptr && (*chunk)->last) Settle(**chunk);
    } while (*chunk != nullptr);
    EXPECT_TRUE(is_ready(*source)) << "nobody has to wait for the end";
  }
  EXPECT_GT(calls, 0);
  fixture().set_on_outside_call([] {});
}

TEST_P(SourceContract, AStopIsAnsweredSoon) {
  const std::unique_ptr<Source> source = fixture().Open("one");
  std::stop_source stop;
  stop.request_stop();
  uint64_t most_chunks = 1;
  for (const auto& [uri, rows] : fixture().Rows()) most_chunks += rows + 2;
  for (uint64_t n = 0; n < most_chunks; ++n) {
    const absl::StatusOr<std::unique_ptr<Chunk>> chunk = source->Next(stop.get_token());
    if (!chunk.ok() || *chunk == nullptr) return;
  }
  FAIL() << "more chunks than rows";
}

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_SOURCE_CONTRACT_H_
