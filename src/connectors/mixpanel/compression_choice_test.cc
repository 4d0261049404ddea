#include "connectors/mixpanel/compression_choice.h"

#include <gtest/gtest.h>

namespace millrace::mixpanel {
namespace {

constexpr size_t kBody = 1 << 20;
constexpr int kManyRequests = 20 * CompressionChoice::kRound;

// A destination that takes requests one after another.
struct Destination {
  absl::Duration plain;       // how long a request takes
  absl::Duration compressed;  // ... with compressing it

  // How many of `requests` were compressed.
  int Send(CompressionChoice& choice, int requests, size_t bytes = kBody) const {
    int sent_compressed = 0;
    for (int i = 0; i < requests; ++i) {
      const bool compress = choice.Compress();
      choice.Took(compress, bytes, compress ? compressed : plain);
      sent_compressed += compress ? 1 : 0;
    }
    return sent_compressed;
  }
};

constexpr Destination kLoopback{absl::Milliseconds(1), absl::Milliseconds(4)};
constexpr Destination kFar{absl::Milliseconds(400), absl::Milliseconds(100)};

TEST(CompressionChoice, CompressesFirst) {
  CompressionChoice choice;
  EXPECT_EQ(kLoopback.Send(choice, CompressionChoice::kTrial), CompressionChoice::kTrial);
}

TEST(CompressionChoice, SendsPlainWhereThatIsQuicker) {
  CompressionChoice choice;
  kLoopback.Send(choice, CompressionChoice::kRound);
  // Only trials are compressed from here on.
  EXPECT_EQ(kLoopback.Send(choice, 10 * CompressionChoice::kRound), 10 * CompressionChoice::kTrial);
}

TEST(CompressionChoice, NeverTriesPlainBodiesOnAFarDestination) {
  CompressionChoice choice;
  EXPECT_EQ(kFar.Send(choice, kManyRequests), kManyRequests);
}

TEST(CompressionChoice, CompressesWhereANearDestinationIsSlow) {
  CompressionChoice choice;
  const Destination rack{absl::Milliseconds(9), absl::Milliseconds(5)};
  const int plain = kManyRequests - rack.Send(choice, kManyRequests);
  EXPECT_GT(plain, 0);
  EXPECT_LE(plain, kManyRequests / CompressionChoice::kRound * CompressionChoice::kTrial);
}

TEST(CompressionChoice, CompressesWhereLittleWouldBeGained) {
  CompressionChoice choice;
  const Destination even{absl::Microseconds(900), absl::Milliseconds(1)};
  EXPECT_GT(even.Send(choice, kManyRequests), kManyRequests * 9 / 10);
}

TEST(CompressionChoice, ComesBackWhenTheDestinationSlowsDown) {
  CompressionChoice choice;
  kLoopback.Send(choice, kManyRequests);
  kFar.Send(choice, 2 * CompressionChoice::kTrial);  // learns
  EXPECT_EQ(kFar.Send(choice, kManyRequests), kManyRequests);
}

TEST(CompressionChoice, FindsOutThatPlainHasBecomeQuicker) {
  CompressionChoice choice;
  Destination{absl::Milliseconds(9), absl::Milliseconds(5)}.Send(choice, kManyRequests);
  kLoopback.Send(choice, 3 * CompressionChoice::kRound);  // learns
  EXPECT_LT(kLoopback.Send(choice, kManyRequests), kManyRequests / 10);
}

TEST(CompressionChoice, LearnsNothingFromSmallBodies) {
  CompressionChoice choice;
  EXPECT_EQ(kLoopback.Send(choice, kManyRequests, 1000), kManyRequests);
}

}  // namespace
}  // namespace millrace::mixpanel
