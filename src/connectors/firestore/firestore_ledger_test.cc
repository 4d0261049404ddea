#include "connectors/firestore/firestore_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/strings.h"
#include "connectors/firestore/testing/fake_firestore.h"
#include "net/testing/fake_http_client.h"
#include "pipeline/testing/ledger_contract.h"

namespace millrace {
namespace {

using firestore::FakeFirestore;
using firestore::Fault;
using testing::AllOf;
using testing::HasSubstr;

constexpr char kUri[] = "firestore://my-project/files";

FirestoreOptions OptionsFor(const std::string& emulator) {
  return {.environment = [emulator](std::string_view name) -> std::optional<std::string> {
    if (name == "FIRESTORE_EMULATOR_HOST") return emulator;
    return std::nullopt;
  }};
}

std::unique_ptr<Ledger> MustOpen(const FakeFirestore& server) {
  absl::StatusOr<std::unique_ptr<Ledger>> ledger =
      OpenFirestoreLedger(kUri, OptionsFor(server.url()), {});
  EXPECT_TRUE(ledger.ok()) << ledger.status();
  return ledger.ok() ? *std::move(ledger) : nullptr;
}

class SilentServer : public HeldUp {
 public:
  explicit SilentServer(FakeFirestore& server) : server_(server), requests_(server.requests()) {
    server_.HoldReplies(true);
  }
  ~SilentServer() override { server_.HoldReplies(false); }
  void AwaitCall() override { server_.AwaitRequestAfter(requests_); }

 private:
  FakeFirestore& server_;
  const uint64_t requests_;
};

class FirestoreLedgerFixture : public LedgerFixture {
 public:
  FirestoreLedgerFixture() { Reopen(); }
  Ledger& ledger() override { return *ledger_; }
  Ledger& other() override { return *other_; }
  absl::Time Now() override { return server_.Now(); }
  void Advance(absl::Duration duration) override { clock_.Advance(duration); }
  void Reopen() override {
    ledger_ = MustOpen(server_);
    other_ = MustOpen(server_);
  }
  std::unique_ptr<Ledger> OpenAnother() override { return MustOpen(server_); }
  std::unique_ptr<HeldUp> HoldUp() override { return std::make_unique<SilentServer>(server_); }

 private:
  FakeClock clock_;
  FakeFirestore server_{{.clock = clock_}};
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Ledger> other_;
};

std::unique_ptr<LedgerFixture> NewFixture() { return std::make_unique<FirestoreLedgerFixture>(); }
INSTANTIATE_TEST_SUITE_P(Firestore, LedgerContract, testing::Values(&NewFixture));
INSTANTIATE_TEST_SUITE_P(Firestore, IntentsContract, testing::Values(&NewFixture));

class FirestoreLedgerTest : public testing::Test {
 protected:
  static constexpr absl::Duration kLease = absl::Minutes(5);
  static LedgerKey Key(const std::string& object = "gs://b/k") {
    return {.object = object, .version = "1", .config = "c", .destination = "d"};
  }
  LedgerEntry MustClaim(const std::string& object = "gs://b/k") {
    absl::StatusOr<Ledger::Claim> claim = ledger_->ClaimObject({Key(object), "one", 1, kLease}, {});
    EXPECT_TRUE(claim.ok()) << claim.status();
    return claim.ok() ? claim->entry : LedgerEntry();
  }
  LedgerEntry Stored() {
    LedgerEntry stored;
    EXPECT_TRUE(ledger_
                    ->ForEach(
                        [&](const LedgerEntry& entry) {
                          stored = entry;
                          return absl::OkStatus();
                        },
                        {})
                    .ok());
    return stored;
  }

  static Intent IntentOf(const std::vector<LedgerEntry>& rows) {
    Intent intent{
        .id = std::string(32, '1'), .destination = "d", .parts = {"part"}, .owner = "one"};
    for (const LedgerEntry& row : rows) {
      intent.spans.push_back({.object = row.key, .revision = row.revision, .after = {.row = 7}});
    }
    return intent;
  }

  FakeFirestore server_{{}};
  std::unique_ptr<Ledger> ledger_ = MustOpen(server_);
};

TEST_F(FirestoreLedgerTest, AChangeWhoseAnswerWasLostIsMadeOnce) {
  LedgerEntry entry = MustClaim();
  server_.FailNext(Fault::kResponseLost);
  entry.position.row = entry.counts.read = entry.counts.accepted = 7;
  ASSERT_TRUE(ledger_->Store(entry, kLease, {}).ok());
  EXPECT_EQ(entry.revision, 2u);
  EXPECT_EQ(Stored().revision, 2u);
  EXPECT_EQ(Stored().updated, entry.updated);

  server_.FailNext(Fault::kResponseLost);
  ASSERT_TRUE(ledger_->Release(entry, {}).ok());
  EXPECT_EQ(Stored().revision, 3u);

  server_.FailNext(Fault::kResponseLost);
  entry = MustClaim();
  EXPECT_EQ(entry.owner, "one");
  entry.state = LedgerState::kDone;
  server_.FailNext(Fault::kResponseLost);
  ASSERT_TRUE(ledger_->Store(entry, kLease, {}).ok());
  EXPECT_EQ(Stored().state, LedgerState::kDone);
  EXPECT_TRUE(absl::IsAborted(ledger_->Store(entry, kLease, {})));
}

TEST_F(FirestoreLedgerTest, TheAnswerOfACreationMayBeLost) {
  server_.FailNext(Fault::kResponseLost);
  const LedgerEntry entry = MustClaim();
  EXPECT_EQ(entry.owner, "one");
  EXPECT_EQ(Stored().revision, entry.revision);
}

TEST_F(FirestoreLedgerTest, AChangeOfAnIntentWhoseAnswerWasLostIsMadeOnce) {
  Intents& intents = ledger_->intents();
  Intent intent = IntentOf({MustClaim("a"), MustClaim("b")});
  server_.FailNext(Fault::kResponseLost);
  ASSERT_TRUE(intents.Announce(intent, kLease, {}).ok());
  EXPECT_EQ(intent.revision, 1u);
  EXPECT_EQ(intent.spans[0].revision, 2u);
  EXPECT_EQ(Stored().revision, 2u);

  server_.FailNext(Fault::kResponseLost);
  ASSERT_TRUE(intents.Renew(intent, kLease, {}).ok());
  EXPECT_EQ(intent.revision, 2u);

  Intent withdrawn = intent;
  server_.FailNext(Fault::kResponseLost);
  ASSERT_TRUE(intents.Withdraw(withdrawn, {}).ok());
  EXPECT_EQ(withdrawn.spans[1].revision, 3u);
  EXPECT_EQ(Stored().revision, 3u);
  EXPECT_TRUE(absl::IsAborted(intents.Settle(intent, kLease, {}))) << "that is another change";

  intent = withdrawn;
  intent.id = std::string(32, '2');
  ASSERT_TRUE(intents.Announce(intent, kLease, {}).ok());
  server_.FailNext(Fault::kResponseLost);
  const auto taken = intents.Take(intent.id, "two", /*owner_is_dead=*/true, kLease, {});
  ASSERT_TRUE(taken.ok() && taken->has_value()) << taken.status();
  intent = **taken;
  EXPECT_EQ(intent.spans[1].revision, Stored().revision);

  server_.FailNext(Fault::kResponseLost);
  ASSERT_TRUE(intents.Settle(intent, kLease, {}).ok());
  EXPECT_EQ(intent.spans[1].revision, Stored().revision);
  EXPECT_EQ(Stored().position.row, 7u);
}

TEST_F(FirestoreLedgerTest, IntentsAreTriedAgainAsRowsAre) {
  Intents& intents = ledger_->intents();
  Intent intent = IntentOf({MustClaim()});
  for (int i = 0; i < 3; ++i) server_.FailNext(Fault::kAborted);
  ASSERT_TRUE(intents.Announce(intent, kLease, {}).ok());
  for (int i = 0; i < 2; ++i) server_.FailNext(Fault::kUnavailable);
  EXPECT_TRUE(absl::IsUnavailable(intents.Settle(intent, kLease, {})));
  server_.FailNext(Fault::kDenied);
  EXPECT_TRUE(absl::IsPermissionDenied(intents.Settle(intent, kLease, {})));
  EXPECT_TRUE(intents.Settle(intent, kLease, {}).ok());
}

TEST_F(FirestoreLedgerTest, ListsOfIntentsHaveNoEnd) {
  constexpr int kIntents = 120;
  for (int i = 0; i < kIntents; ++i) {
    Intent intent = IntentOf({MustClaim(StrCat("o", i))});
    intent.id = StrCat(std::string(28, '1'), 1000 + (i * 7) % kIntents);
    ASSERT_TRUE(ledger_->intents().Announce(intent, kLease, {}).ok());
  }
  const auto listed = ledger_->intents().List("d", {});
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), size_t{kIntents});
  for (int i = 0; i < kIntents; ++i) {
    EXPECT_EQ((*listed)[i].id, StrCat(std::string(28, '1'), 1000 + i));
  }
}

// It knows no intents and would claim the object when the lease of its row is over.
TEST_F(FirestoreLedgerTest, AnOlderMillraceCannotReadACoveredRow) {
  Intent intent = IntentOf({MustClaim()});
  const auto row_has_owner = [&] {
    const std::string body =
        StrCat("{\"documents\": [\"projects/my-project/databases/(default)/documents/files/",
               ToHex(HashBytes("gs://b/k\n1\nc\nd")), "\"]}");
    const auto reply = NewCurlHttpClient()->Send(
        {.method = "POST",
         .url = server_.url() + "/v1/projects/my-project/databases/(default)/documents:batchGet",
         .headers = {{"Authorization", "Bearer owner"}},
         .body = body},
        {});
    EXPECT_TRUE(reply.ok() && reply->body.find("\"found\"") != std::string::npos);
    return reply.ok() && reply->body.find("\"owner\"") != std::string::npos;
  };
  EXPECT_TRUE(row_has_owner());
  ASSERT_TRUE(ledger_->intents().Announce(intent, kLease, {}).ok());
  EXPECT_FALSE(row_has_owner());
  ASSERT_TRUE(ledger_->intents().Settle(intent, kLease, {}).ok());
  EXPECT_TRUE(row_has_owner());
}

TEST_F(FirestoreLedgerTest, ContentionIsTriedAgain) {
  for (int i = 0; i < 3; ++i) server_.FailNext(Fault::kAborted);
  LedgerEntry entry = MustClaim();
  for (int i = 0; i < 3; ++i) server_.FailNext(Fault::kAborted);
  EXPECT_TRUE(ledger_->Store(entry, kLease, {}).ok());
  for (int i = 0; i < 3; ++i) server_.FailNext(Fault::kAborted);
  EXPECT_TRUE(ledger_->Forget(entry.key, {}).ok());
}

TEST_F(FirestoreLedgerTest, AServerInTroubleIsUnavailable) {
  LedgerEntry entry = MustClaim();
  for (int i = 0; i < 2; ++i) server_.FailNext(Fault::kUnavailable);
  EXPECT_TRUE(absl::IsUnavailable(ledger_->Store(entry, kLease, {})));
  EXPECT_TRUE(ledger_->Store(entry, kLease, {}).ok()) << "tried again, as the run does";
}

TEST_F(FirestoreLedgerTest, RefusalsNameTheRole) {
  server_.FailNext(Fault::kDenied);
  const absl::Status status = ledger_->ClaimObject({Key(), "one", 1, kLease}, {}).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(ToStd(status.message())),
              AllOf(HasSubstr("roles/datastore.user"), HasSubstr("my-project")));
}

TEST_F(FirestoreLedgerTest, AWrongTokenIsUnauthenticated) {
  FakeFirestore strict({.token = "another"});
  const absl::Status status = OpenFirestoreLedger(kUri, OptionsFor(strict.url()), {}).status();
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
}

TEST_F(FirestoreLedgerTest, DocumentsOfOtherProgramsAreLeftOut) {
  MustClaim("gs://b/1");
  const std::unique_ptr<HttpClient> http = NewCurlHttpClient();
  const std::string body =
      "{\"writes\": [{\"update\": {\"name\": "
      "\"projects/my-project/databases/(default)/documents/files/old\", "
      "\"fields\": {\"path\": {\"stringValue\": \"gs://b/0\"}}}}]}";
  const auto reply = http->Send(
      {.method = "POST",
       .url = server_.url() + "/v1/projects/my-project/databases/(default)/documents:commit",
       .headers = {{"Authorization", "Bearer owner"}},
       .body = body},
      {});
  ASSERT_TRUE(reply.ok() && reply->status == 200);
  EXPECT_EQ(Stored().key.object, "gs://b/1");
}

TEST_F(FirestoreLedgerTest, PagesOfOneObjectAreOneOrder) {
  for (int v = 0; v < 700; ++v) {
    LedgerKey key = Key("same");
    key.version = StrCat(1000 + (v * 3) % 700);
    ASSERT_TRUE(ledger_->ClaimObject({key, "one", 1, kLease}, {}).ok());
  }
  int next = 1000;
  ASSERT_TRUE(ledger_
                  ->ForEach(
                      [&](const LedgerEntry& entry) {
                        EXPECT_EQ(entry.key.version, StrCat(next++));
                        return absl::OkStatus();
                      },
                      {})
                  .ok());
  EXPECT_EQ(next, 1700);
}

TEST_F(FirestoreLedgerTest, AClaimCostsACreationAndALook) {
  MustClaim("first");
  const uint64_t before = server_.requests();
  for (int i = 0; i < 20; ++i) MustClaim(StrCat("o", i));
  EXPECT_EQ(server_.requests() - before, 40u);
}

TEST_F(FirestoreLedgerTest, WhatIsDoneCostsOneRequest) {
  for (int i = 0; i < 20; ++i) {
    LedgerEntry entry = MustClaim(StrCat("o", i));
    entry.state = LedgerState::kDone;
    ASSERT_TRUE(ledger_->Store(entry, kLease, {}).ok());
  }
  ASSERT_TRUE(ledger_->ClaimObject({Key("o0"), "one", 1, kLease}, {}).ok());
  const uint64_t before = server_.requests();
  for (int i = 1; i < 20; ++i) {
    const auto claim = ledger_->ClaimObject({Key(StrCat("o", i)), "one", 1, kLease}, {});
    ASSERT_TRUE(claim.ok()) << claim.status();
    EXPECT_EQ(claim->outcome, Ledger::Claim::Outcome::kDone);
  }
  EXPECT_EQ(server_.requests() - before, 19u);
}

// As Millrace wrote them before it kept the mapping version.
TEST_F(FirestoreLedgerTest, OldDocumentsAreReadAndCount) {
  const std::string id = ToHex(HashBytes(StrCat("gs://b/k", "\n", "1", "\n", "c", "\n", "d")));
  std::string fields;
  for (const auto& [name, text] : std::map<std::string, std::string>{{"object", "gs://b/k"},
                                                                     {"version", "1"},
                                                                     {"config", "c"},
                                                                     {"destination", "d"},
                                                                     {"state", "done"},
                                                                     {"owner", ""},
                                                                     {"last_error", ""},
                                                                     {"last_write", ""}}) {
    StrAppend(&fields, "\"", name, "\": {\"stringValue\": \"", text, "\"}, ");
  }
  for (const char* name :
       {"position_row", "position_byte", "rows_read", "rows_accepted", "rows_rejected",
        "rows_filtered", "events_accepted", "lease_ms", "object_bytes", "revision"}) {
    StrAppend(&fields, "\"", name, "\": {\"integerValue\": \"7\"}, ");
  }
  fields.resize(fields.size() - 2);
  const std::string body = StrCat("{\"writes\": [{\"update\": {\"name\": ",
                                  "\"projects/my-project/databases/(default)/documents/files/", id,
                                  "\", \"fields\": {", fields, "}}}]}");
  const auto reply = NewCurlHttpClient()->Send(
      {.method = "POST",
       .url = server_.url() + "/v1/projects/my-project/databases/(default)/documents:commit",
       .headers = {{"Authorization", "Bearer owner"}},
       .body = body},
      {});
  ASSERT_TRUE(reply.ok() && reply->status == 200);
  EXPECT_EQ(Stored().mapping_version, 1u);
  EXPECT_EQ(Stored().config_parts, "");
  LedgerKey changed = Key();
  changed.config = "c2";
  const auto claim = ledger_->ClaimObject({changed, "one", 1, kLease}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  EXPECT_EQ(claim->outcome, Ledger::Claim::Outcome::kConfigChanged);
}

TEST(FirestoreUri, WhatCannotBeReadIsNamed) {
  for (const char* uri :
       {"firestore://", "firestore:///c", "firestore://p/c/d", "firestore://p/c?x=1",
        "firestore://p/c?database=", "firestore://p/../x", "firestores://p/c"}) {
    const absl::Status status = OpenFirestoreLedger(uri, OptionsFor("127.0.0.1:1"), {}).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << uri << ": " << status;
    EXPECT_THAT(std::string(ToStd(status.message())), HasSubstr("firestore://PROJECT/COLLECTION"));
  }
}

TEST(FirestoreUri, CollectionAndDatabaseHaveDefaults) {
  FakeFirestore server({});
  for (const auto& [uri, path] : std::map<std::string, std::string>{
           {"firestore://p", "projects/p/databases/(default)/documents"},
           {"firestore://p/c?database=d", "projects/p/databases/d/documents"}}) {
    std::string url, body;
    FirestoreOptions options = OptionsFor(server.url());
    options.new_http = [&] {
      return std::make_unique<FakeHttpClient>([&](const HttpRequest& request) {
        url = request.url;
        body = std::string(request.body);
        return absl::StatusOr<HttpResponse>(HttpResponse{.status = 200, .body = "[]"});
      });
    };
    ASSERT_TRUE(OpenFirestoreLedger(uri, options, {}).ok());
    EXPECT_EQ(url, StrCat(server.url(), "/v1/", path, ":runQuery"));
    EXPECT_THAT(body, HasSubstr(uri == "firestore://p" ? "\"dataflow_processed_files\"" : "\"c\""));
  }
}

}  // namespace
}  // namespace millrace
