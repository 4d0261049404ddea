#include "objects/object_lister.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "base/strings.h"
#include "net/http_server.h"
#include "objects/held_object_retry_feed.h"
#include "objects/testing/object_feed_contract.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

StoreOptions StoresAt(const std::string& url) {
  StoreOptions options;
  options.environment = [url](std::string_view name) -> std::optional<std::string> {
    if (name == "STORAGE_EMULATOR_HOST") return url;
    return std::nullopt;
  };
  return options;
}

// A bucket of one object, on a server that responds when the test allows it.
class SlowBucket {
 public:
  SlowBucket() {
    auto server = HttpServer::Start({}, [this](const ServerRequest& request) {
      may_answer_.WaitForNotification();
      if (!request.path.ends_with("/o")) return ServerResponse{.status = 404};  // one object
      return ServerResponse{.body =
                                R"({"items":[{"name":"a.ndjson","size":"3","generation":"1"}]})"};
    });
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  ~SlowBucket() { LetAnswer(); }

  void LetAnswer() {
    if (!may_answer_.HasBeenNotified()) may_answer_.Notify();
  }
  std::unique_ptr<ObjectLister> List() {
    auto lister = ObjectLister::Start(
        {"gs://b/*"}, [](const ObjectInfo&) { return true; }, StoresAt(server_->url()));
    EXPECT_TRUE(lister.ok()) << lister.status();
    return *std::move(lister);
  }

 private:
  absl::Notification may_answer_;
  std::unique_ptr<HttpServer> server_;
};

class ListerFixture : public ObjectFeedFixture {
 public:
  ObjectFeed& feed() override { return *lister_; }
  void LetServerAnswer() override { bucket_.LetAnswer(); }
  void End() override {}

 protected:
  SlowBucket bucket_;
  const std::unique_ptr<ObjectLister> lister_ = bucket_.List();
};

class HeldObjectRetryFeedFixture : public ListerFixture {
 public:
  ObjectFeed& feed() override { return waiting_; }

 private:
  SourceProgress progress_;
  HeldObjectRetryFeed waiting_{*lister_, progress_, Clock::Real()};
};

template <typename Fixture>
std::unique_ptr<ObjectFeedFixture> Make() {
  return std::make_unique<Fixture>();
}

INSTANTIATE_TEST_SUITE_P(ObjectLister, ObjectFeedContract, testing::Values(&Make<ListerFixture>));
INSTANTIATE_TEST_SUITE_P(HeldObjectRetryFeed, ObjectFeedContract,
                         testing::Values(&Make<HeldObjectRetryFeedFixture>));

class SeveralInputs : public testing::Test {
 protected:
  SeveralInputs() {
    fs::create_directories(folder_);
    for (const char* name : {"a.ndjson", "b.ndjson"}) std::ofstream(folder_ + "/" + name) << "{}";
  }
  ~SeveralInputs() override { fs::remove_all(folder_); }

  // The listed names, and then the status at the end.
  absl::Status List(const std::vector<std::string>& inputs, const StoreOptions& stores = {}) {
    auto lister = ObjectLister::Start(
        inputs, [](const ObjectInfo&) { return true; }, stores);
    if (!lister.ok()) return lister.status();
    for (;;) {
      auto object = (*lister)->Next({});
      if (!object.ok()) return object.status();
      if (!object->has_value()) return absl::OkStatus();
      names_.push_back(fs::path((*object)->info.uri).filename());
    }
  }

  const std::string folder_ =
      StrCat(fs::canonical(testing::TempDir()).string(), "/object_lister.", getpid());
  std::vector<std::string> names_;
};

TEST_F(SeveralInputs, AnInputWithoutObjectsDoesNotHideTheOthers) {
  const absl::Status status = List({folder_ + "/none.ndjson", folder_ + "/b.ndjson",
                                    folder_ + "/nor-this.ndjson", folder_ + "/*"});
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("none.ndjson"));
  EXPECT_THAT(names_, ElementsAre("b.ndjson", "a.ndjson"));
}

TEST_F(SeveralInputs, AnInputWithoutPermissionDoesNotHideTheOthers) {
  auto refusing = HttpServer::Start({}, [](const ServerRequest&) {
    return ServerResponse{.status = 403, .body = R"({"error":{"code":403,"message":"no access"}})"};
  });
  ASSERT_TRUE(refusing.ok());
  const absl::Status status = List({"gs://b/*", folder_}, StoresAt((*refusing)->url()));
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(names_, ElementsAre("a.ndjson", "b.ndjson"));
}

}  // namespace
}  // namespace millrace
