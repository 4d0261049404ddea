// The public handler with a server and a record log, as the proxy puts them together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "net/testing/fake_http_client.h"
#include "net/testing/raw_connection.h"
#include "proxy/public_handler.h"
#include "proxy/testing/fakes.h"
#include "record_log/testing/fake_disk.h"

namespace millrace::proxy {
namespace {

constexpr std::string_view kEvent = R"({"event":"E","properties":{"time":1,"$insert_id":"i"}})";
constexpr std::string_view kOrigin = "Origin: https://a.example\r\n";

class PublicListenerTest : public ::testing::Test {
 protected:
  PublicListenerTest() {
    auto log = RecordLog::Open(disk_, {.segment_bytes = 1 << 20}, Clock::Real());
    EXPECT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
    appender_ = std::make_unique<LogAppender>(*log_);
    handler_ = *PublicHandler::Make({}, *appender_, rejected_, pass_through_, Clock::Real());
    HttpServerOptions options{.max_body_bytes = 10'000};
    options.on_refusal = [this](const ServerRequest& request, ServerResponse* reply) {
      handler_->OnRefusal(request, reply);
    };
    server_ = *HttpServer::Start(
        options, [this](const ServerRequest& request) { return handler_->Handle(request); });
  }

  FakeDisk disk_;
  std::unique_ptr<RecordLog> log_;
  std::unique_ptr<LogAppender> appender_;
  FakeRejectedRecords rejected_;
  PassThrough pass_through_{{.threads = 1},
                            [] {
                              return std::make_unique<FakeHttpClient>(
                                  [](const HttpRequest&) { return absl::UnavailableError(""); });
                            },
                            Clock::Real()};
  std::unique_ptr<PublicHandler> handler_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(PublicListenerTest, AnswersWhenTheRecordsAreOnDisk) {
  RawConnection connection(server_->url());
  for (int i = 0; i < 100; ++i) {
    const RawResponse reply = connection.Exchange("POST", "/track/?ip=0", kOrigin, kEvent);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "1");
    EXPECT_EQ(reply.Header("Access-Control-Allow-Origin"), "https://a.example");
  }
  SegmentReader reader(*log_, log_->last_sequence());
  for (int i = 0; i < 100; ++i) {
    const auto frame = reader.Next(RecordType::kEvent);
    ASSERT_TRUE(frame.ok() && frame->has_value());
    EXPECT_EQ((*frame)->records, StrCat(kEvent, "\n"));
  }
}

TEST_F(PublicListenerTest, TellsClientsToKeepTheirRecordsWhenTheDiskFails) {
  disk_.FailSyncs(0);
  RawConnection connection(server_->url());
  for (int i = 0; i < 3; ++i) {
    const RawResponse reply = connection.Exchange("POST", "/track/", kOrigin, kEvent);
    EXPECT_EQ(reply.status, 503);
    EXPECT_EQ(reply.Header("Retry-After"), "10");
    EXPECT_EQ(reply.Header("Access-Control-Allow-Origin"), "https://a.example");
  }
}

TEST_F(PublicListenerTest, TakesClientsThatLeaveWhileTheyWait) {
  for (int i = 0; i < 50; ++i) {
    RawConnection connection(server_->url());
    connection.Send(StrCat("POST /track/ HTTP/1.1\r\nHost: h\r\nContent-Length: ", kEvent.size(),
                           "\r\n\r\n", kEvent));
  }
  RawConnection connection(server_->url());
  EXPECT_EQ(connection.Exchange("POST", "/track", "", kEvent).body, "1");
}

TEST_F(PublicListenerTest, LetsBrowsersReadRefusals) {
  const RawResponse reply =
      RawConnection(server_->url()).Exchange("POST", "/track", kOrigin, std::string(20'000, 'x'));
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.Header("Access-Control-Allow-Origin"), "https://a.example");
}

}  // namespace
}  // namespace millrace::proxy
