// The contract of every Source (pipeline/source.h), as a test suite. Include it in one file of a
// test program and instantiate it, as with ledger_contract.h.
#ifndef MILLRACE_PIPELINE_TESTING_SOURCE_CONTRACT_H_
#define MILLRACE_PIPELINE_TESTING_SOURCE_CONTRACT_H_

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "pipeline/source.h"
#include "pipeline/testing/memory_ledger.h"

namespace millrace {

// Some objects to read; at least two, one of them with more rows than one chunk holds. Sources read
// with this ledger, and wait for other workers, if they ever do.
class SourceFixture {
 public:
  virtual ~SourceFixture() = default;
  virtual MemoryLedger& ledger() = 0;
  virtual FakeClock& clock() = 0;
  // A new process reads all objects from the start of the list.
  virtual std::unique_ptr<Source> Open(const std::string& owner) = 0;
  // `hook` is called, in the calling thread, before each external call of a source that may block:
  // the ledger, and the origin of its objects.
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
  // `lost`: the claim of a released object.
  static Chunks ReadAll(Source& source, const LedgerEntry* lost = nullptr) {
    Chunks chunks;
    for (;;) {
      absl::StatusOr<std::unique_ptr<Chunk>> chunk = source.Next(std::stop_token());
      EXPECT_TRUE(chunk.ok()) << chunk.status();
      if (!chunk.ok() || *chunk == nullptr) return chunks;
      // The source ends only after all objects are acknowledged or released.
      const std::shared_ptr<const LedgerEntry>& object = (*chunk)->object;
      if (object == nullptr) continue;
      if ((*chunk)->last && object.get() != lost) source.Ack(*object);
      chunks.push_back(*std::move(chunk));
    }
  }

  // Stores in the ledger that everything up to `chunk` is done.
  LedgerEntry Complete(const Chunk& chunk) {
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
      if ((*chunk)->object == nullptr) continue;
      if (!(*chunk)->last) return *std::move(chunk);
      source.Ack(*(*chunk)->object);
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

TEST_P(SourceContract, ReadingResumesAtTheLedgersPosition) {
  const std::unique_ptr<Source> before = fixture().Open("one");
  const std::unique_ptr<Chunk> chunk = ReadIntoAnObject(*before);
  ASSERT_NE(chunk, nullptr);
  LedgerEntry entry = Complete(*chunk);
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
    if (chunk->last) Complete(*chunk);
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
    if (other->object->key != chunk->object->key) continue;
    EXPECT_GE(other->object->updated, chunk->object->lease_until) << "its owner is silent";
  }
}

TEST_P(SourceContract, ReadyMakesNoExternalCalls) {
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
      if (*chunk != nullptr && (*chunk)->last) source->Ack(Complete(**chunk));
    } while (*chunk != nullptr);
    EXPECT_TRUE(is_ready(*source)) << "nobody has to wait for the end";
  }
  EXPECT_GT(calls, 0);
  fixture().set_on_outside_call([] {});
}

// Another worker takes over the object that `source` is reading, and notifies it as Run() does.
class TakenOver {
 public:
  TakenOver(SourceFixture& fixture, Source& source, const Chunk& chunk) : fixture_(fixture) {
    fixture.clock().Advance(absl::Hours(1));
    auto claim =
        fixture.ledger().ClaimObject({chunk.object->key, "thief", 1, absl::Minutes(5)}, {});
    EXPECT_TRUE(claim.ok() && claim->outcome == Ledger::Claim::Outcome::kClaimed);
    if (claim.ok()) entry_ = claim->entry;
    source.Release(*chunk.object, Source::Unfinished::kTakenOver);
  }
  // The other worker has done the rows before `row` and releases the object.
  void ReleaseAt(uint64_t row, uint64_t byte) {
    entry_.position = {row, byte};
    entry_.counts.read = entry_.counts.accepted = row;
    EXPECT_TRUE(fixture_.ledger().Store(entry_, absl::Minutes(5), {}).ok());
    EXPECT_TRUE(fixture_.ledger().Release(entry_, {}).ok());
  }
  void Finish() {
    entry_.state = LedgerState::kDone;
    EXPECT_TRUE(fixture_.ledger().Store(entry_, absl::Minutes(5), {}).ok());
  }

 private:
  SourceFixture& fixture_;
  LedgerEntry entry_;
};

TEST_P(SourceContract, AnObjectThatWasTakenOverIsGivenAgain) {
  const std::unique_ptr<Source> source = fixture().Open("one");
  const std::unique_ptr<Chunk> chunk = ReadIntoAnObject(*source);
  ASSERT_NE(chunk, nullptr);
  TakenOver taken(fixture(), *source, *chunk);
  taken.ReleaseAt(chunk->after.row, chunk->after.byte);
  uint64_t row = chunk->after.row;
  int ends = 0;
  for (const std::unique_ptr<Chunk>& next : ReadAll(*source, chunk->object.get())) {
    if (next->object->key != chunk->object->key || next->object == chunk->object) continue;
    EXPECT_GT(next->object->revision, chunk->object->revision) << "claimed again";
    EXPECT_EQ(next->first_row, row) << "where the other worker stopped";
    row = next->after.row;
    ends += next->last;
  }
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(row, fixture().Rows()[chunk->object->key.object]);
}

TEST_P(SourceContract, AnObjectThatAnotherOwnerFinishedIsNotGivenAgain) {
  const std::unique_ptr<Source> source = fixture().Open("one");
  const std::unique_ptr<Chunk> chunk = ReadIntoAnObject(*source);
  ASSERT_NE(chunk, nullptr);
  TakenOver(fixture(), *source, *chunk).Finish();
  for (const std::unique_ptr<Chunk>& next : ReadAll(*source, chunk->object.get())) {
    if (next->object->key != chunk->object->key) continue;
    EXPECT_EQ(next->object, chunk->object);
  }
}

// Of two threads one waits for the end, which the other's object may still put off.
TEST_P(SourceContract, TheEndWaitsForWhatIsInProgress) {
  const std::unique_ptr<Source> source = fixture().Open("one");
  std::vector<LedgerEntry> unsettled;
  while (unsettled.size() < fixture().Rows().size()) {
    absl::StatusOr<std::unique_ptr<Chunk>> chunk = source->Next(std::stop_token());
    ASSERT_TRUE(chunk.ok() && *chunk != nullptr) << chunk.status();
    if ((*chunk)->last) unsettled.push_back(Complete(**chunk));
  }
  while (source->Ready()) {  // whether there are more is not known
    const absl::StatusOr<std::unique_ptr<Chunk>> chunk = source->Next(std::stop_token());
    ASSERT_TRUE(chunk.ok() && *chunk != nullptr && (*chunk)->object == nullptr) << chunk.status();
  }
  // Now the chunks received so far must be sent.
  std::atomic<bool> all_settled{false};
  std::thread other([&] {
    for (const LedgerEntry& entry : unsettled) {
      if (&entry == &unsettled.back()) all_settled = true;
      source->Ack(entry);
    }
  });
  EXPECT_TRUE(ReadAll(*source).empty());
  EXPECT_TRUE(all_settled);
  other.join();
  EXPECT_TRUE(source->Ready()) << "the end";
}

TEST_P(SourceContract, AStopEndsTheWaitForTheEnd) {
  const std::unique_ptr<Source> source = fixture().Open("one");
  for (size_t ends = 0; ends < fixture().Rows().size();) {
    absl::StatusOr<std::unique_ptr<Chunk>> chunk = source->Next(std::stop_token());
    ASSERT_TRUE(chunk.ok() && *chunk != nullptr) << chunk.status();
    ends += (*chunk)->last;
  }
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  absl::StatusOr<std::unique_ptr<Chunk>> chunk = source->Next(stop.get_token());
  while (chunk.ok() && *chunk != nullptr) chunk = source->Next(stop.get_token());
  EXPECT_FALSE(chunk.ok());
  stopper.join();
}

TEST_P(SourceContract, AStopIsAnsweredSoon) {
  const std::unique_ptr<Source> source = fixture().Open("one");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(source->Next(stop.get_token()).ok());
  ReadAll(*source);
  const absl::StatusOr<std::unique_ptr<Chunk>> end = source->Next(stop.get_token());
  EXPECT_TRUE(end.ok() && *end == nullptr) << "a stop at the end has stopped nothing";
}

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_SOURCE_CONTRACT_H_
