#include "watch/list_trigger.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "base/strings.h"
#include "net/http_server.h"
#include "watch/testing/fake_store.h"

namespace millrace::watch {
namespace {

namespace fs = std::filesystem;

TEST(ListTriggerTest, AFailedInputDoesNotHideOtherInputs) {
  const std::string folder =
      StrCat(fs::canonical(testing::TempDir()).string(), "/list_trigger.", getpid());
  fs::create_directories(folder);
  std::ofstream(folder + "/a.ndjson") << "{}";
  auto refusing = HttpServer::Start({}, [](const ServerRequest&) {
    return ServerResponse{.status = 403, .body = R"({"error":{"code":403,"message":"no access"}})"};
  });
  ASSERT_TRUE(refusing.ok());
  StoreOptions stores;
  stores.environment = [url = (*refusing)->url()](std::string_view name) {
    return name == "STORAGE_EMULATOR_HOST" ? std::optional<std::string>(url) : std::nullopt;
  };

  FakeBucket bucket;
  StoreCache cache(bucket.Opener());
  WatchProgress progress;
  ObjectQueue queue({}, cache, Clock::Real(), progress);
  const CurrentSources sources(SourcesConfig::MixpanelFormat());
  NotificationRouter router(sources, "", InputFilter({}), {{{RecordType::kEvent, &queue}}},
                            progress);
  ListTrigger trigger({"gs://b/x", folder}, stores, absl::InfiniteDuration(), false, router);
  trigger.ListNow();
  while (!trigger.idle()) std::this_thread::yield();
  EXPECT_EQ(progress.objects_waiting, 1u);
  trigger.Stop();
  fs::remove_all(folder);
}

}  // namespace
}  // namespace millrace::watch
