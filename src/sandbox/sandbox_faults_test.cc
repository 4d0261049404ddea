// The faults of the sandbox over real sockets.
#include "sandbox/testing/sandbox_fixture.h"

namespace millrace::sandbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SandboxFaultsTest : public SandboxTest {};
INSTANTIATE_WITH_BOTH_STORES(SandboxFaultsTest);

TEST_P(SandboxFaultsTest, RejectsRequestsAsFaultsSpecify) {
  Start({"401"});
  EXPECT_EQ(Import(Event("a", "1")).status, 401);
  EXPECT_EQ(Exchange("PUT", "/sandbox/faults", "", R"(["429"])").status, 200);
  EXPECT_EQ(Import(Event("a", "1")).status, 429);
  Exchange("PUT", "/sandbox/faults", "", R"(["503_retry_after=7"])");
  const RawResponse busy = Import(Event("a", "1"));
  EXPECT_EQ(busy.status, 503);
  EXPECT_EQ(busy.Header("Retry-After"), "7");
  Exchange("PUT", "/sandbox/faults", "", R"(["413_2mb"])");
  const std::string large = Event("a", "1") + std::string(3 << 20, ' ');
  EXPECT_EQ(Import(large).status, 413);
  EXPECT_EQ(Import(Event("a", "1")).status, 200);
  EXPECT_EQ(Exchange("PUT", "/sandbox/faults", "", R"(["nonsense"])").status, 400);
  EXPECT_EQ(Exchange("PUT", "/sandbox/faults", "", "{}").status, 400);
  EXPECT_EQ(Exchange("DELETE", "/sandbox/faults").status, 200);
  EXPECT_EQ(Import(large).status, 200);
  const Json stats = Stats();
  EXPECT_EQ(stats["faults"], Json::parse(R"({"401":1,"429":1,"503_retry_after":1,"413_2mb":1})"));
  EXPECT_THAT(stats["active_faults"], IsEmpty());
  EXPECT_EQ(stats["stored"], 2);
  EXPECT_EQ(stats["requests"], 6);
}

TEST_P(SandboxFaultsTest, LosesAndCutsResponses) {
  Start({"reply_lost"});
  EXPECT_EQ(Import(Event("a", "1")).status, 0);
  EXPECT_EQ(Stats()["stored"], 1);
  Exchange("PUT", "/sandbox/faults", "", R"(["cut"])");
  constexpr int kTries = 30;
  for (int i = 0; i < kTries; ++i) EXPECT_FALSE(Import(Event("b", StrCat(i))).whole);
  const Json stats = Stats();
  EXPECT_EQ(stats["faults"]["cut"], kTries);
  EXPECT_GT(stats["by_event"]["b"], 5);  // a coin decides
  EXPECT_LT(stats["by_event"]["b"], 25);
}

TEST_P(SandboxFaultsTest, DelaysResponses) {
  Start({"slow=80ms"});
  const absl::Time begin = absl::Now();
  EXPECT_EQ(Import(Event("a", "1")).status, 200);
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(80));
}

TEST_P(SandboxFaultsTest, RefusesTheSameRecordsEveryTime) {
  Start({"partial_400=0.2"});
  std::string batch;
  for (int i = 0; i < 500; ++i) batch += Event("a", StrCat("id-", i)) + "\n";
  const Json first = Json::parse(Import(batch).body);
  EXPECT_EQ(first["code"], 400);
  const size_t refused = first["failed_records"].size();
  EXPECT_GT(refused, 60u);
  EXPECT_LT(refused, 140u);
  EXPECT_EQ(first["num_records_imported"], 500 - refused);
  EXPECT_EQ(Json::parse(Import(batch).body), first);
  const size_t index = first["failed_records"][0]["index"];
  const Json again = Json::parse(Import(Event("a", StrCat("id-", index))).body);
  EXPECT_EQ(again["num_records_imported"], 0);
  EXPECT_EQ(Stats()["unique"], 500 - refused);
}

TEST_P(SandboxFaultsTest, RefusesWholeBatchesWithStrings) {
  Start({"strings_400=0.01"});
  std::vector<std::string> events;
  for (int i = 0; i < 500; ++i) events.push_back(Event("a", StrCat("id-", i)));
  std::string batch;
  for (const std::string& event : events) batch += event + "\n";
  const RawResponse reply = Import(batch);
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(Json::parse(reply.body),
            Json::parse(R"({"code":400,"error":"some data points in the request failed validation",
              "failed_records":["identity events are not allowed when project is using simplified identity management"],
              "num_records_imported":0,"status":"Bad Request"})"));
  EXPECT_EQ(Stats()["stored"], 0);
  int refused = 0;
  for (const std::string& event : events) refused += Import(event).status == 400;
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, 20);
  EXPECT_EQ(Stats()["unique"], 500 - refused);
}

TEST_P(SandboxFaultsTest, RefusesUnknownFaultsAndBadAddresses) {
  options_.faults = {"401", "explode"};
  const auto unknown = Sandbox::Start(options_, clock_);
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(unknown.status().message(), AllOf(HasSubstr("explode"), HasSubstr("reply_lost")));
  options_.faults = {};
  options_.listen = "nowhere";
  EXPECT_EQ(Sandbox::Start(options_, clock_).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace millrace::sandbox
