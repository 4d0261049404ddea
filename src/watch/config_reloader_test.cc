#include "watch/config_reloader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "base/strings.h"

namespace millrace::watch {
namespace {

std::string Config(std::string_view id) {
  return StrCat(R"([{"config_id": ")", id, R"(", "source_gcs_prefix": "gs://b/"}])");
}

// The real clock and thread; the config is a text that the test changes.
class ConfigReloaderTest : public testing::Test {
 protected:
  ConfigReloaderOptions Options(absl::Duration interval) {
    return {.name = "sources.json",
            .read = [this]() -> absl::StatusOr<SourcesConfig> {
              ++reads_;
              absl::MutexLock lock(&mutex_);
              return SourcesConfig::Parse(text_, "sources.json");
            },
            .interval = interval};
  }
  absl::Status Apply(SourcesConfig next) {
    if (refuse_) return absl::InvalidArgumentError("t.js does not compile");
    current_.Replace(std::move(next));
    return absl::OkStatus();
  }
  ConfigReloader Start(absl::Duration interval) {
    return {Options(interval), current_,
            [this](SourcesConfig next) { return Apply(std::move(next)); }, progress_};
  }
  void Write(std::string text) {
    absl::MutexLock lock(&mutex_);
    text_ = std::move(text);
  }
  void AwaitReads(int more) {
    const int until = reads_ + more;
    while (reads_ < until) std::this_thread::yield();
  }
  std::string Id() const { return current_.Get()->entries().front()->config_id; }

  std::atomic<int> reads_{0};
  std::atomic<bool> refuse_{false};
  absl::Mutex mutex_;
  std::string text_ ABSL_GUARDED_BY(mutex_) = Config("one");
  CurrentSources current_{*SourcesConfig::Parse(Config("one"), "sources.json")};
  WatchProgress progress_;
};

TEST_F(ConfigReloaderTest, TakesAChangeAfterTheInterval) {
  ConfigReloader reloader = Start(absl::Milliseconds(5));
  AwaitReads(2);
  EXPECT_EQ(progress_.config_reloads, 0u);
  Write(Config("two"));
  while (progress_.config_reloads == 0) std::this_thread::yield();
  EXPECT_EQ(Id(), "two");
  AwaitReads(3);
  EXPECT_EQ(progress_.config_reloads, 1u) << "an equal config is no change";
}

TEST_F(ConfigReloaderTest, TakesAChangeAtOnceOnRequest) {
  ConfigReloader reloader = Start(absl::InfiniteDuration());
  Write(Config("two"));
  reloader.CheckNow();
  while (progress_.config_reloads == 0) std::this_thread::yield();
  EXPECT_EQ(Id(), "two");
}

TEST_F(ConfigReloaderTest, KeepsTheOldOneWhileTheNewIsInvalid) {
  ConfigReloader reloader = Start(absl::Milliseconds(2));
  Write(R"([{"config_id": "two")");
  while (!progress_.config_invalid) std::this_thread::yield();
  AwaitReads(3);
  EXPECT_EQ(Id(), "one");
  EXPECT_EQ(progress_.config_reloads_failed, 1u) << "one change, one failure";
  Write(Config("one"));
  while (progress_.config_invalid) std::this_thread::yield();
  EXPECT_EQ(progress_.config_reloads, 0u) << "it is the old one again";
}

TEST_F(ConfigReloaderTest, KeepsTheOldOneIfTheNewCannotBeApplied) {
  refuse_ = true;
  ConfigReloader reloader = Start(absl::Milliseconds(2));
  Write(Config("two"));
  while (!progress_.config_invalid) std::this_thread::yield();
  EXPECT_EQ(Id(), "one");
  refuse_ = false;
  while (progress_.config_reloads == 0) std::this_thread::yield();
  EXPECT_EQ(Id(), "two");
  reloader.Stop();
  EXPECT_FALSE(progress_.config_invalid);
}

}  // namespace
}  // namespace millrace::watch
