#include "watch/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/synchronization/notification.h"
#include "base/metrics_text.h"
#include "base/strings.h"
#include "net/testing/raw_connection.h"
#include "pipeline/testing/memory_dead_letter_queue.h"
#include "pipeline/testing/memory_ledger.h"
#include "watch/testing/fake_store.h"
#include "watch/testing/receiver.h"

namespace millrace::watch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Event(int number) {
  return StrCat(R"({"event":"e","properties":{"time":)", 1'700'000'000 + number,
                R"(,"distinct_id":"u","$insert_id":"id-)", number, "\"}}\n");
}

std::string Object(std::string_view name) {
  return StrCat(R"({"kind":"storage#object","bucket":"b","name":")", name,
                R"(","timeCreated":"2024-04-24T03:13:01.995Z"})");
}

class WatchTest : public testing::Test {
 protected:
  WatchTest() {
    request_.import.sources = SourcesConfig::MixpanelFormat();
    progress_ = SendTo({&receiver_}, request_);
    request_.import.run.retry = {.initial = absl::Milliseconds(1),
                                 .max = absl::Milliseconds(2),
                                 .min_jitter = absl::ZeroDuration(),
                                 .max_jitter = absl::Milliseconds(1),
                                 .give_up_after = absl::InfiniteDuration()};
    request_.http.listen = "127.0.0.1:0";
    request_.open_store = bucket_.Opener();
    bucket_.Put("gs://b/a.ndjson", Event(1) + Event(2));
  }
  ~WatchTest() override {
    if (thread_.joinable()) StopAndReport();
  }

  void Start() {
    const auto ready = std::make_shared<absl::Notification>();
    thread_ = std::thread([this, ready] {
      reports_ = Watch(request_, ledger_, dead_letter_, stop_.get_token(), *progress_,
                       [&](const std::string& url) {
                         url_ = url;
                         ready->Notify();
                       });
      if (!ready->HasBeenNotified()) ready->Notify();
    });
    ready->WaitForNotification();
    ASSERT_NE(url_, "") << reports_.front().status;
  }
  ImportReport StopAndReport() {
    stop_.request_stop();
    thread_.join();
    return reports_.front();
  }
  RawResponse Post(std::string_view body, std::string_view headers = "") {
    return RawConnection(url_).Exchange("POST", "/", headers, body);
  }
  RawResponse Get(std::string_view path, std::string_view headers = "") {
    return RawConnection(url_).Exchange("GET", path, headers);
  }

  Receiver receiver_;
  FakeBucket bucket_;
  FakeClock clock_;
  MemoryLedger ledger_{clock_};
  MemoryDeadLetterQueue dead_letter_;
  std::unique_ptr<WatchProgress> progress_;
  WatchRequest request_;
  std::stop_source stop_;
  std::string url_;
  std::vector<ImportReport> reports_;  // by destination
  std::thread thread_;
};

TEST_F(WatchTest, AnswersOnceTheObjectIsImported) {
  Start();
  const RawResponse reply = Post(Object("a.ndjson"));
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.body,
            "{\"objects\":[{\"object\":\"gs://b/a.ndjson\",\"outcome\":\"imported\","
            "\"accepted\":2,\"rejected\":0,\"filtered\":0}]}\n");
  EXPECT_EQ(receiver_.events(), 2u);
  const ImportReport report = StopAndReport();
  EXPECT_TRUE(absl::IsCancelled(report.status)) << report.status;
  EXPECT_EQ(report.counts.accepted, 2u);
  EXPECT_EQ(report.counts.pending(), 0u);
}

TEST_F(WatchTest, TheSameEventFiveTimesSendsNothingMore) {
  Start();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Post(Object("a.ndjson")).status, 200);
  EXPECT_EQ(receiver_.events(), 2u);
  EXPECT_EQ(progress_->count(NotificationOutcome::kImported), 1u);
  EXPECT_EQ(progress_->count(NotificationOutcome::kDoneBefore), 4u);
}

TEST_F(WatchTest, ObjectsSentUnderAnotherConfigAreCountedAndDoNotEndIt) {
  bucket_.Put("gs://b/b.ndjson", Event(3) + Event(4));
  Start();
  EXPECT_EQ(Post(Object("a.ndjson")).status, 200);
  StopAndReport();
  MemoryLedger::Rows rows;
  for (auto [key, entry] : ledger_.Snapshot()) {
    entry.key.config = "mixpanel_format:0123";
    rows[entry.key] = entry;
  }
  ledger_.Restore(std::move(rows));
  stop_ = std::stop_source();
  Start();
  const RawResponse reply = Post(Object("a.ndjson"));
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_THAT(reply.body, AllOf(HasSubstr("\"outcome\":\"config_changed\""),
                                HasSubstr("which has changed since")));
  EXPECT_EQ(Post(Object("b.ndjson")).status, 200);
  EXPECT_EQ(progress_->count(NotificationOutcome::kConfigChanged), 1u);
  EXPECT_EQ(progress_->count(NotificationOutcome::kImported), 2u);
  EXPECT_THAT(
      Get("/metrics").body,
      AllOf(HasSubstr("millrace_watch_objects_total{outcome=\"config_changed\"} 1"),
            HasSubstr("millrace_objects_config_changed_total{destination=\"receiver\"} 1")));
  EXPECT_EQ(receiver_.events(), 4u);
  EXPECT_EQ(StopAndReport().objects_config_changed, 1u);
}

TEST_F(WatchTest, TheSameEventFiveTimesAtOnceSendsNothingMore) {
  receiver_.set_state(Receiver::State::kClosed);
  Start();
  std::vector<std::thread> senders;
  for (int i = 0; i < 5; ++i) {
    senders.emplace_back([this] { EXPECT_EQ(Post(Object("a.ndjson")).status, 200); });
  }
  while (progress_->notifications < 5) std::this_thread::yield();
  receiver_.set_state(Receiver::State::kOpen);
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(receiver_.events(), 2u);
}

TEST_F(WatchTest, AnOverwrittenObjectIsImportedAgain) {
  Start();
  EXPECT_EQ(Post(Object("a.ndjson")).status, 200);
  bucket_.Put("gs://b/a.ndjson", Event(3));
  EXPECT_EQ(Post(Object("a.ndjson")).status, 200);
  EXPECT_EQ(receiver_.events(), 3u);
}

TEST_F(WatchTest, AcknowledgesWhatIsNotImported) {
  request_.import.inputs = {"gs://b"};
  Start();
  EXPECT_THAT(Post(Object("none.ndjson")).body, HasSubstr("\"outcome\":\"gone\""));
  EXPECT_THAT(Post(Object("_SUCCESS")).body, HasSubstr("\"outcome\":\"ignored\""));
  const std::string other = R"({"bucket":"other","name":"a.ndjson"})";
  EXPECT_THAT(Post(other).body, HasSubstr("\"outcome\":\"ignored\""));
  const RawResponse deleted =
      Post(R"({"specversion":"1.0","type":"google.cloud.storage.object.v1.deleted","data":{}})");
  EXPECT_EQ(deleted.status, 200);
  EXPECT_EQ(receiver_.writes(), 0u);
}

TEST_F(WatchTest, AnUnreadableObjectFailsAloneAndItsSenderRepeatsIt) {
  bucket_.Put("gs://b/bad.ndjson.gz", std::string("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 10));
  Start();
  const RawResponse bad = Post(Object("bad.ndjson.gz"));
  EXPECT_EQ(bad.status, 422) << bad.body;
  EXPECT_THAT(bad.body, HasSubstr("\"outcome\":\"failed\""));
  EXPECT_EQ(Post(Object("a.ndjson")).status, 200);
  bucket_.Put("gs://b/bad.ndjson.gz", Event(5));
  EXPECT_EQ(Post(Object("bad.ndjson.gz")).status, 200);
  const ImportReport report = StopAndReport();
  EXPECT_EQ(report.objects_failed, 0u) << "it was fixed";
}

TEST_F(WatchTest, AnUnavailableStoreRequestsARetry) {
  bucket_.Fail("gs://b/a.ndjson", absl::UnavailableError("503"));
  Start();
  const RawResponse reply = Post(Object("a.ndjson"));
  EXPECT_EQ(reply.status, 503) << reply.body;
  EXPECT_EQ(reply.Header("Retry-After"), "10");
}

// Offers to the router whatever the test requests.
class TestTrigger : public Trigger {
 public:
  void Stop() override {}
};

TEST_F(WatchTest, AFailedObjectIsRetriedWithoutOtherEvents) {
  bucket_.Fail("gs://b/a.ndjson", absl::UnavailableError("503"));
  request_.queue.retry_initial = request_.queue.retry_max = absl::Milliseconds(50);
  NotificationRouter* router = nullptr;
  request_.triggers.push_back(
      [&](NotificationRouter& offered,
          std::function<void(const absl::Status&)>) -> absl::StatusOr<std::unique_ptr<Trigger>> {
        router = &offered;
        return std::make_unique<TestTrigger>();
      });
  Start();
  router->Offer({.uri = "gs://b/a.ndjson", .trigger = "folder"});
  while (progress_->retries == 0) std::this_thread::yield();
  bucket_.Fail("gs://b/a.ndjson", absl::OkStatus());
  while (progress_->count(NotificationOutcome::kImported) == 0) std::this_thread::yield();
  EXPECT_EQ(receiver_.events(), 2u);
}

TEST_F(WatchTest, BufferedRowsAreSentWhileAnotherObjectIsLookedUp) {
  absl::Notification sent;
  bucket_.Put("gs://b/slow.ndjson", Event(7));
  std::atomic<int> finds{0};
  bucket_.set_on_find([&] {
    if (++finds == 2) sent.WaitForNotification();
  });
  request_.import.run.max_delay = absl::Milliseconds(10);
  Start();
  std::thread first([&] { EXPECT_EQ(Post(Object("a.ndjson")).status, 200); });
  std::thread second([&] { EXPECT_EQ(Post(Object("slow.ndjson")).status, 200); });
  while (receiver_.events() == 0) std::this_thread::yield();
  sent.Notify();
  first.join();
  second.join();
  EXPECT_EQ(receiver_.events(), 3u);
}

TEST_F(WatchTest, TheRequestTimeoutRespondsAndTheImportContinues) {
  receiver_.set_state(Receiver::State::kClosed);
  request_.http.request_timeout = absl::Milliseconds(30);
  Start();
  const RawResponse reply = Post(Object("a.ndjson"));
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.Header("Retry-After"), "10");
  EXPECT_THAT(reply.body, HasSubstr("--request-timeout"));
  receiver_.set_state(Receiver::State::kOpen);
  while (progress_->count(NotificationOutcome::kImported) == 0) std::this_thread::yield();
  EXPECT_EQ(Post(Object("a.ndjson")).status, 200);
  EXPECT_EQ(receiver_.events(), 2u);
}

TEST_F(WatchTest, OtherBodiesAreRejected) {
  Start();
  EXPECT_EQ(Post("{}").status, 400);
  EXPECT_EQ(Post("").status, 400);
  EXPECT_EQ(Post(std::string((1 << 20) + 1, ' ')).status, 413);
  EXPECT_EQ(Get("/").status, 404);
  EXPECT_EQ(RawConnection(url_).Exchange("DELETE", "/").status, 405);
}

TEST_F(WatchTest, RequestsMustCarryTheToken) {
  request_.http.token = "sesame";
  Start();
  const std::string event = Object("a.ndjson");
  for (const std::string headers :
       {"", "Authorization: Bearer sesam\r\n", "Authorization: Bearer sesame1\r\n",
        "Authorization: Bearer \r\n", "Authorization: sesame\r\n",
        "Authorization: Basic eDpvcGVu\r\n"}) {
    const RawResponse reply = Post(event, headers);
    EXPECT_EQ(reply.status, 401) << headers;
    EXPECT_THAT(reply.body, testing::Not(HasSubstr("sesame")));
  }
  EXPECT_EQ(Get("/metrics").status, 401);
  EXPECT_EQ(Get("/healthz").status, 200);
  EXPECT_EQ(progress_->notifications, 0u);
  EXPECT_EQ(Post(event, "Authorization: Bearer sesame\r\n").status, 200);
  EXPECT_EQ(Post(event, "Authorization: Basic eDpzZXNhbWU=\r\n").status, 200);  // x:sesame
  EXPECT_EQ(Get("/metrics", "Authorization: Bearer sesame\r\n").status, 200);
}

TEST_F(WatchTest, RespondsToHandshakes) {
  Start();
  const RawResponse grid =
      Post(R"([{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent",)"
           R"("data":{"validationCode":"512d38b6"}}])");
  EXPECT_EQ(grid.status, 200);
  EXPECT_EQ(grid.body, "{\"validationResponse\":\"512d38b6\"}\n");
  const RawResponse hook = RawConnection(url_).Exchange(
      "OPTIONS", "/", "WebHook-Request-Origin: eventemitter.example.com\r\n");
  EXPECT_EQ(hook.status, 200);
  EXPECT_EQ(hook.Header("WebHook-Allowed-Origin"), "eventemitter.example.com");
}

TEST_F(WatchTest, ShowsHealthAndMetrics) {
  Start();
  Post(Object("a.ndjson"));
  EXPECT_EQ(Get("/healthz").status, 200);
  EXPECT_EQ(Get("/readyz").status, 200);
  const RawResponse metrics = Get("/metrics");
  EXPECT_EQ(metrics.Header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(metrics.body,
              HasSubstr("\nmillrace_events_accepted_total{destination=\"receiver\"} 2\n"));
  EXPECT_THAT(metrics.body, HasSubstr("\nmillrace_watch_objects_total{outcome=\"imported\"} 1\n"));
  const auto is_of = [](const Metric& metric, std::string_view verb) {
    return metric.name.starts_with(StrCat("millrace_", verb, "_"));
  };
  for (const Metric& metric : AllMetrics()) {
    // Those of other verbs, and of responses: nothing is sent by HTTP here.
    if (is_of(metric, "proxy") || is_of(metric, "run") || is_of(metric, "export")) continue;
    if (is_of(metric, "staypoints") || is_of(metric, "http")) continue;
    EXPECT_THAT(metrics.body, HasSubstr(StrCat("# TYPE ", metric.name, " ")));
  }
}

TEST_F(WatchTest, AStopCompletesOpenRequestsAndReleasesObjects) {
  receiver_.set_state(Receiver::State::kClosed);
  Start();
  RawResponse reply;
  std::thread sender([&] { reply = Post(Object("a.ndjson")); });
  while (progress_->imports.front().run.writes == 0) std::this_thread::yield();
  const ImportReport report = StopAndReport();
  sender.join();
  EXPECT_EQ(reply.status, 503) << reply.body;
  EXPECT_THAT(reply.body, HasSubstr("\"outcome\":\"stopped\""));
  EXPECT_EQ(report.counts.pending(), 2u);
  // It is unknown what was sent, so the row keeps the id of its worker.
  for (const auto& [key, row] : ledger_.Snapshot()) EXPECT_LE(row.lease_until, clock_.Now());
}

TEST_F(WatchTest, WrongCredentialsEndIt) {
  receiver_.set_state(Receiver::State::kRefusing);
  Start();
  EXPECT_EQ(Post(Object("a.ndjson")).status, 503);
  thread_.join();
  EXPECT_FALSE(reports_.front().status.ok());
  EXPECT_FALSE(absl::IsCancelled(reports_.front().status)) << reports_.front().status;
}

TEST_F(WatchTest, EachDestinationGetsEveryObjectAndAnswersWait) {
  Receiver second("second");
  progress_ = SendTo({&receiver_, &second}, request_);
  second.set_state(Receiver::State::kClosed);
  Start();
  std::thread opener([&] {
    while (second.turned_away() == 0 || receiver_.events() < 2) std::this_thread::yield();
    second.set_state(Receiver::State::kOpen);
  });
  EXPECT_EQ(Post(Object("a.ndjson")).status, 200);
  opener.join();
  EXPECT_EQ(receiver_.events(), 2u);
  EXPECT_EQ(second.events(), 2u);
  StopAndReport();
  ASSERT_EQ(reports_.size(), 2u);
  for (const ImportReport& report : reports_) EXPECT_EQ(report.counts.accepted, 2u);
  EXPECT_EQ(ledger_.Snapshot().size(), 2u) << "a row for each destination";
}

TEST_F(WatchTest, ADestinationThatFailsDoesNotEndTheOthers) {
  Receiver refusing("refusing");
  refusing.set_state(Receiver::State::kRefusing);
  progress_ = SendTo({&refusing, &receiver_}, request_);
  Start();
  EXPECT_EQ(Post(Object("a.ndjson")).status, 503) << "it did not arrive everywhere";
  bucket_.Put("gs://b/b.ndjson", Event(3));
  EXPECT_EQ(Post(Object("b.ndjson")).status, 503);
  while (receiver_.events() < 3) std::this_thread::yield();
  StopAndReport();
  EXPECT_FALSE(absl::IsCancelled(reports_[0].status)) << reports_[0].status;
  EXPECT_TRUE(absl::IsCancelled(reports_[1].status)) << reports_[1].status;
  EXPECT_EQ(reports_[1].counts.accepted, 3u);
}

TEST_F(WatchTest, EndsWhenIdleIfRequested) {
  request_.exit_when_idle = absl::Milliseconds(200);
  Start();
  Post(Object("a.ndjson"));
  thread_.join();
  EXPECT_TRUE(reports_.front().status.ok()) << reports_.front().status;
  EXPECT_TRUE(reports_.front().success());
  EXPECT_EQ(reports_.front().counts.accepted, 2u);
}

// A config that the test changes under the watch.
class ChangingConfigTest : public WatchTest {
 protected:
  ChangingConfigTest() {
    request_.import.sources = Entry("one", "gs://b/");
    request_.read_config = [this]() -> absl::StatusOr<SourcesConfig> {
      absl::MutexLock lock(&mutex_);
      return next_;
    };
    request_.config_interval = absl::InfiniteDuration();
    request_.on_reload_request = [this](std::function<void()> check_now) {
      absl::MutexLock lock(&mutex_);
      check_now_ = std::move(check_now);
    };
  }

  ~ChangingConfigTest() override {
    if (thread_.joinable()) StopAndReport();
  }

  static SourcesConfig Entry(std::string_view id, std::string_view prefix) {
    return *SourcesConfig::Parse(
        StrCat(R"([{"config_id": ")", id, R"(", "source_gcs_prefix": ")", prefix, "\"}]"),
        "sources.json");
  }
  void Reload(SourcesConfig next) {
    absl::MutexLock lock(&mutex_);
    next_ = std::move(next);
    check_now_();
  }
  void AwaitReloads(uint64_t reloads) {
    while (progress_->config_reloads < reloads) std::this_thread::yield();
  }
  std::vector<std::string> ConfigsOf(const std::string& object) {
    std::vector<std::string> ids;
    for (const auto& [key, row] : ledger_.Snapshot()) {
      if (key.object == object) ids.push_back(key.config.substr(0, key.config.find(':')));
    }
    return ids;
  }

  absl::Mutex mutex_;
  SourcesConfig next_ ABSL_GUARDED_BY(mutex_) = Entry("one", "gs://b/");
  std::function<void()> check_now_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(ChangingConfigTest, AChangedConfigAppliesToObjectsClaimedAfterwards) {
  bucket_.Put("gs://b/b.ndjson", Event(7));
  Start();
  EXPECT_EQ(Post(Object("a.ndjson")).status, 200);
  Reload(Entry("two", "gs://b/"));
  AwaitReloads(1);
  EXPECT_EQ(Post(Object("b.ndjson")).status, 200);
  EXPECT_THAT(ConfigsOf("gs://b/a.ndjson"), testing::ElementsAre("one"));
  EXPECT_THAT(ConfigsOf("gs://b/b.ndjson"), testing::ElementsAre("two"));
  StopAndReport();
  absl::MutexLock lock(&mutex_);
  EXPECT_EQ(check_now_, nullptr) << "an ended watch takes no requests";
}

TEST_F(ChangingConfigTest, AWaitingObjectUsesTheConfigThatMatchesLater) {
  std::atomic<bool> found{false};
  absl::Notification changed;
  bucket_.set_on_find([&] {
    found = true;
    changed.WaitForNotification();
  });
  Start();
  RawResponse reply;
  std::thread sender([&] { reply = Post(Object("a.ndjson")); });
  while (!found) std::this_thread::yield();
  Reload(Entry("two", "gs://other/"));
  AwaitReloads(1);
  changed.Notify();
  sender.join();
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, HasSubstr("\"outcome\":\"ignored\""));
  EXPECT_EQ(receiver_.events(), 0u);
  EXPECT_TRUE(ledger_.Snapshot().empty());
}

TEST_F(ChangingConfigTest, AnotherRecordTypeGetsItsOwnRun) {
  std::atomic<bool> found{false};
  absl::Notification changed;
  bucket_.set_on_find([&] {
    if (!found.exchange(true)) changed.WaitForNotification();
  });
  Start();
  RawResponse reply;
  std::thread sender([&] { reply = Post(Object("a.ndjson")); });
  while (!found) std::this_thread::yield();
  // The rows are not user profiles: the run of that record type rejects each of them.
  Reload(*SourcesConfig::Parse(
      R"([{"config_id": "two", "source_gcs_prefix": "gs://b/", "record_type": "user"}])",
      "sources.json"));
  AwaitReloads(1);
  changed.Notify();
  sender.join();
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, HasSubstr("\"outcome\":\"imported\",\"accepted\":0,\"rejected\":2"));
  for (const auto& [key, row] : ledger_.Snapshot())
    EXPECT_THAT(key.destination, HasSubstr("users"));
}

TEST_F(WatchTest, NothingToWatchIsAnError) {
  request_.http.listen.clear();
  reports_ = Watch(request_, ledger_, dead_letter_, stop_.get_token(), *progress_,
                   [](const std::string&) { FAIL() << "it is not ready"; });
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_TRUE(absl::IsInvalidArgument(reports_[0].status)) << reports_[0].status;
}

}  // namespace
}  // namespace millrace::watch
