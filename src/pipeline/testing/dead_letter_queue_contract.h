// The contract of every DeadLetterQueue (pipeline/dead_letter.h), as a test suite. Include it in
// one file of a test program and instantiate it, as with ledger_contract.h.
#ifndef MILLRACE_PIPELINE_TESTING_DEAD_LETTER_QUEUE_CONTRACT_H_
#define MILLRACE_PIPELINE_TESTING_DEAD_LETTER_QUEUE_CONTRACT_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "pipeline/dead_letter_queue.h"

namespace millrace {

class DeadLetterFixture {
 public:
  virtual ~DeadLetterFixture() = default;
  virtual DeadLetterQueue& dead_letter() = 0;
  // The process dies and starts again. What was not synced may be gone or not.
  virtual void Crash() = 0;
  // What a process that starts now would find; of a record that is there more than once, one.
  virtual std::vector<Rejection> Kept(const LedgerKey& object) = 0;
  // False for one that cannot take back what is durable (a topic): Rewind() then leaves it there.
  virtual bool forgets() const { return true; }
};

using DeadLetterMaker = std::unique_ptr<DeadLetterFixture> (*)();

class DeadLetterContract : public testing::TestWithParam<DeadLetterMaker> {
 protected:
  DeadLetterQueue& dead_letter() { return fixture_->dead_letter(); }
  void Crash() { fixture_->Crash(); }
  bool forgets() const { return fixture_->forgets(); }

  static LedgerKey Key(const std::string& object = "gs://bucket/a b/ü?.json") {
    return {.object = object,
            .version = "1700000000000001",
            .config = "orders-0123",
            .destination = "mixpanel:api.mixpanel.com:42:events"};
  }

  static Rejection At(uint64_t row) {
    return {.source_row = row,
            .code = "invalid_time",
            .field = "ts",
            .message = StrCat("row ", row, " has no time"),
            .payload_before = StrCat("{\"ts\":\"", row, "\"}"),
            .payload_after = StrCat("{\"event\":\"e\",\"properties\":{\"n\":", row, "}}")};
  }

  void MustAdd(const LedgerKey& key, const std::vector<Rejection>& rejections) {
    const absl::Status status = dead_letter().Add(key, rejections);
    EXPECT_TRUE(status.ok()) << status;
  }
  void MustSync(const LedgerKey& key) {
    const absl::Status status = dead_letter().Sync(key);
    EXPECT_TRUE(status.ok()) << status;
  }
  void MustRewind(const LedgerKey& key, uint64_t row) {
    const absl::Status status = dead_letter().Rewind(key, row);
    EXPECT_TRUE(status.ok()) << status;
  }

  // By row.
  std::vector<Rejection> Kept(const LedgerKey& key) {
    std::vector<Rejection> kept = fixture_->Kept(key);
    std::stable_sort(kept.begin(), kept.end(), [](const Rejection& a, const Rejection& b) {
      return a.source_row < b.source_row;
    });
    return kept;
  }
  std::vector<uint64_t> KeptRows(const LedgerKey& key) {
    std::vector<uint64_t> rows;
    for (const Rejection& rejection : Kept(key)) rows.push_back(rejection.source_row);
    return rows;
  }

  static void ExpectSame(const Rejection& a, const Rejection& b) {
    EXPECT_EQ(a.source_row, b.source_row);
    EXPECT_EQ(a.code, b.code);
    EXPECT_EQ(a.field, b.field);
    EXPECT_EQ(a.message, b.message);
    EXPECT_EQ(a.payload_before, b.payload_before);
    EXPECT_EQ(a.payload_after, b.payload_after);
  }

  using Rows = std::vector<uint64_t>;

 private:
  const std::unique_ptr<DeadLetterFixture> fixture_ = GetParam()();
};

TEST_P(DeadLetterContract, WhatIsSyncedIsKeptWhole) {
  MustAdd(Key(), {At(3), At(5)});
  MustAdd(Key(), {At(4)});
  MustSync(Key());
  Crash();
  const std::vector<Rejection> kept = Kept(Key());
  ASSERT_EQ(kept.size(), 3u);
  for (uint64_t i = 0; i < 3; ++i) ExpectSame(kept[i], At(3 + i));
}

TEST_P(DeadLetterContract, AnyPayloadIsKeptByteForByte) {
  std::string all_bytes;
  for (int c = 0; c < 256; ++c) all_bytes.push_back(static_cast<char>(c));
  const std::vector<std::string> payloads = {all_bytes,
                                             "",
                                             std::string("\0\n\r\t\"\\", 6),
                                             "\xc3",
                                             "\xed\xa0\x80 x",
                                             "{\"a\":\"\xf0\x9f\x98\x80\"}",
                                             "\xe2\x80\xa8",
                                             std::string(70, '[')};
  std::vector<Rejection> rejections;
  for (size_t i = 0; i < payloads.size(); ++i) {
    Rejection rejection = At(i);
    rejection.payload_before = payloads[i];
    rejection.payload_after = payloads[payloads.size() - 1 - i];
    rejections.push_back(rejection);
  }
  MustAdd(Key(), rejections);
  MustSync(Key());
  Crash();
  const std::vector<Rejection> kept = Kept(Key());
  ASSERT_EQ(kept.size(), rejections.size());
  for (size_t i = 0; i < kept.size(); ++i) ExpectSame(kept[i], rejections[i]);
}

TEST_P(DeadLetterContract, AMissingFieldStaysMissing) {
  Rejection bare;
  bare.source_row = 0;
  bare.code = "unreadable_row";
  MustAdd(Key(), {bare});
  MustSync(Key());
  ASSERT_EQ(Kept(Key()).size(), 1u);
  ExpectSame(Kept(Key())[0], bare);
}

TEST_P(DeadLetterContract, RewindForgetsFromARowOn) {
  MustAdd(Key(), {At(1), At(9), At(2), At(7), At(3)});
  MustSync(Key());
  MustRewind(Key(), 3);
  EXPECT_EQ(KeptRows(Key()), forgets() ? (Rows{1, 2}) : (Rows{1, 2, 3, 7, 9}));
  MustAdd(Key(), {At(3), At(4)});
  MustSync(Key());
  Crash();
  EXPECT_EQ(KeptRows(Key()), forgets() ? (Rows{1, 2, 3, 4}) : (Rows{1, 2, 3, 4, 7, 9}));
  MustRewind(Key(), 0);
  EXPECT_EQ(KeptRows(Key()), forgets() ? Rows{} : (Rows{1, 2, 3, 4, 7, 9}));
}

TEST_P(DeadLetterContract, RemovesARangeOfRows) {
  MustAdd(Key(), {At(1), At(9), At(2), At(7), At(3)});
  const absl::Status removed = dead_letter().RemoveRows(Key(), 2, 7);
  EXPECT_TRUE(removed.ok()) << removed;
  MustSync(Key());
  EXPECT_EQ(KeptRows(Key()), (Rows{1, 7, 9}));
}

TEST_P(DeadLetterContract, RewindForgetsWhatIsNotSynced) {
  MustAdd(Key(), {At(1), At(2), At(3)});
  MustRewind(Key(), 2);
  MustAdd(Key(), {At(4)});
  MustSync(Key());
  EXPECT_EQ(KeptRows(Key()), (Rows{1, 4}));
}

TEST_P(DeadLetterContract, RewindPastTheEndOrOfNothingIsHarmless) {
  MustRewind(Key(), 0);
  EXPECT_EQ(KeptRows(Key()), Rows{});
  MustAdd(Key(), {At(1)});
  MustSync(Key());
  MustRewind(Key(), 2);
  EXPECT_EQ(KeptRows(Key()), (Rows{1}));
}

TEST_P(DeadLetterContract, AfterACrashARewoundRowIsKeptOnce) {
  MustAdd(Key(), {At(1)});
  MustSync(Key());
  MustAdd(Key(), {At(2), At(3)});
  Crash();
  MustRewind(Key(), 2);
  MustAdd(Key(), {At(2), At(3)});
  MustSync(Key());
  EXPECT_EQ(KeptRows(Key()), (Rows{1, 2, 3}));
}

TEST_P(DeadLetterContract, EachPartOfTheKeyCounts) {
  std::vector<LedgerKey> keys(5, Key());
  keys[1].object += "2";
  keys[2].version += "2";
  keys[3].config += "2";
  keys[4].destination += "2";
  for (size_t i = 0; i < keys.size(); ++i) {
    MustAdd(keys[i], {At(i), At(i + 10)});
    MustSync(keys[i]);
  }
  MustRewind(keys[2], 10);
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(KeptRows(keys[i]), i == 2 && forgets() ? (Rows{2}) : (Rows{i, i + 10}));
  }
}

TEST_P(DeadLetterContract, NothingIsHarmless) {
  MustSync(Key());
  MustAdd(Key(), {});
  MustSync(Key());
  EXPECT_EQ(KeptRows(Key()), Rows{});
}

TEST_P(DeadLetterContract, ManyThreadsAddToManyObjects) {
  constexpr uint64_t kThreads = 4;
  constexpr uint64_t kObjects = 20;
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (uint64_t o = 0; o < kObjects; ++o) {
        MustAdd(Key(StrCat("o", o)), {At(2 * t), At(2 * t + 1)});
        MustSync(Key(StrCat("o", o)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Crash();
  for (uint64_t o = 0; o < kObjects; ++o) {
    const std::vector<Rejection> kept = Kept(Key(StrCat("o", o)));
    ASSERT_EQ(kept.size(), 2 * kThreads);
    for (uint64_t row = 0; row < kept.size(); ++row) ExpectSame(kept[row], At(row));
  }
}

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_DEAD_LETTER_QUEUE_CONTRACT_H_
