#include "stores/read_ahead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"

namespace millrace {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// An object whose bytes tell their place, and what is fetched of it.
class Far {
 public:
  explicit Far(uint64_t size) : size_(size) {}

  static char At(uint64_t place) { return static_cast<char>(place * 31 + place / 251); }

  ReadAhead::Fetch fetch() {
    return [this](uint64_t offset, absl::Span<char> to, std::stop_token stop) {
      EXPECT_LE(offset + to.size(), size_);
      if (stop.stop_requested()) return absl::CancelledError("stopped");
      for (size_t i = 0; i < to.size(); ++i) to[i] = At(offset + i);
      absl::MutexLock lock(&mutex_);
      fetched_.push_back({offset, to.size()});
      bytes_ += to.size();
      if (failures_ > 0) {
        --failures_;
        return absl::UnavailableError("no answer");
      }
      return absl::OkStatus();
    };
  }

  void FailNext(int times) {
    absl::MutexLock lock(&mutex_);
    failures_ = times;
  }
  size_t fetches() const {
    absl::MutexLock lock(&mutex_);
    return fetched_.size();
  }
  uint64_t bytes() const {
    absl::MutexLock lock(&mutex_);
    return bytes_;
  }

 private:
  const uint64_t size_;
  mutable absl::Mutex mutex_;
  std::vector<ByteRange> fetched_;
  uint64_t bytes_ = 0;
  int failures_ = 0;
};

// Reads a range in pieces and checks every byte.
void Read(ReadAhead& ahead, uint64_t begin, uint64_t end, size_t piece) {
  std::string buffer(piece, '\0');
  while (begin < end) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(piece, end - begin));
    const auto size = ahead.ReadAt(begin, {buffer.data(), wanted});
    ASSERT_TRUE(size.ok()) << size.status();
    ASSERT_EQ(*size, wanted);
    for (size_t i = 0; i < wanted; ++i) ASSERT_EQ(buffer[i], Far::At(begin + i)) << begin + i;
    begin += wanted;
  }
}

TEST(ReadAheadTest, AStreamFetchesEachByteOnce) {
  constexpr uint64_t kSize = 50 * kMiB + 17;
  Far far(kSize);
  ReadAhead ahead(kSize, far.fetch());
  Read(ahead, 0, kSize, 256 << 10);
  EXPECT_EQ(far.bytes(), kSize);
  EXPECT_EQ(far.fetches(), 13);  // of 4 MiB
  char none = 0;
  EXPECT_EQ(*ahead.ReadAt(kSize, {&none, 1}), 0);
}

TEST(ReadAheadTest, ALookAtHeadAndTailCostsTwoBlocks) {
  constexpr uint64_t kSize = 100 * kMiB;
  Far far(kSize);
  {
    ReadAhead ahead(kSize, far.fetch());
    Read(ahead, 0, 4, 4);
    Read(ahead, kSize - 8, kSize, 4);
    Read(ahead, kSize - 40'000, kSize, 40'000);
  }
  EXPECT_EQ(far.fetches(), 2);
}

TEST(ReadAheadTest, ColumnsSideBySideAreFetchedOnceInFewRequests) {
  // A row group of 70 MB with 14 columns, one of them large, read in turns of 256 KB.
  constexpr uint64_t kStart = 5 * kMiB;
  std::vector<ByteRange> columns;
  uint64_t end = kStart;
  for (int i = 0; i < 14; ++i) {
    const uint64_t size = i == 3 ? 20 * kMiB : 4 * kMiB - 1000 * i;
    columns.push_back({end, size});
    end += size;
  }
  Far far(end + 100);
  ReadAhead ahead(end + 100, far.fetch());
  ahead.WillRead(columns);
  for (uint64_t turn = 0; turn < 100; ++turn) {
    for (const ByteRange& column : columns) {
      // Columns reach their ends together.
      const uint64_t from = column.offset + column.size * turn / 100;
      Read(ahead, from, column.offset + column.size * (turn + 1) / 100, 256 << 10);
    }
  }
  EXPECT_LE(far.bytes(), end - kStart + 8 * kMiB);
  EXPECT_LE(far.fetches(), 80);
}

TEST(ReadAheadTest, ASmallRowGroupIsFetchedInLargeBlocks) {
  constexpr uint64_t kSize = 20 * kMiB;
  std::vector<ByteRange> columns;
  for (uint64_t i = 0; i < 200; ++i) columns.push_back({i * kSize / 200, kSize / 200});
  Far far(kSize);
  ReadAhead ahead(kSize, far.fetch());
  ahead.WillRead(columns);
  for (const ByteRange& column : columns)
    Read(ahead, column.offset, column.offset + 50'000, 16'384);
  for (const ByteRange& column : columns) {
    Read(ahead, column.offset + 50'000, column.offset + column.size, 16'384);
  }
  EXPECT_EQ(far.bytes(), kSize);
  EXPECT_EQ(far.fetches(), 5);
}

TEST(ReadAheadTest, ReadsAnywhereFromManyThreads) {
  constexpr uint64_t kSize = 30 * kMiB;
  Far far(kSize);
  ReadAhead ahead(kSize, far.fetch(), {.max_block = kMiB, .memory = 4 * kMiB});
  std::vector<std::jthread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937 random(seed);
      for (int i = 0; i < 30; ++i) {
        const uint64_t begin = random() % kSize;
        Read(ahead, begin, std::min<uint64_t>(kSize, begin + random() % (6 * kMiB)), 3 * kMiB);
        if (i % 10 == 5) ahead.WillRead({{begin, kMiB}, {0, 100}});
      }
    });
  }
}

TEST(ReadAheadTest, AFailureIsToldAndTheNextReadTriesAnew) {
  Far far(100);
  ReadAhead ahead(100, far.fetch());
  far.FailNext(1);
  char byte = 0;
  EXPECT_TRUE(absl::IsUnavailable(ahead.ReadAt(5, {&byte, 1}).status()));
  EXPECT_EQ(*ahead.ReadAt(5, {&byte, 1}), 1);
  EXPECT_EQ(byte, Far::At(5));
}

TEST(ReadAheadTest, AStopEndsReadsThatWait) {
  absl::Notification fetching;
  ReadAhead ahead(100, [&](uint64_t, absl::Span<char>, std::stop_token stop) {
    absl::Notification stopped;
    const std::stop_callback on_stop(stop, [&] { stopped.Notify(); });
    fetching.Notify();
    stopped.WaitForNotification();
    return absl::CancelledError("stopped");
  });
  std::jthread reader([&] {
    char byte = 0;
    EXPECT_TRUE(absl::IsCancelled(ahead.ReadAt(0, {&byte, 1}).status()));
  });
  fetching.WaitForNotification();
  ahead.Stop();
}

}  // namespace
}  // namespace millrace
