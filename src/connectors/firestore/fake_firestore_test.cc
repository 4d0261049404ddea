// The stand-in itself: what the ledger does not use of it, but others may.
#include "connectors/firestore/testing/fake_firestore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/strings.h"
#include "net/http_client.h"

namespace millrace::firestore {
namespace {

using Json = nlohmann::json;

class FakeFirestoreTest : public testing::Test {
 protected:
  static std::string Name(const std::string& id) {
    return "projects/p/databases/(default)/documents/c/" + id;
  }
  static Json Update(const std::string& id, int n) {
    return {{"update", {{"name", Name(id)}, {"fields", {{"n", {{"integerValue", StrCat(n)}}}}}}}};
  }
  // The response; {"status": HTTP status, "error"} if it is not a 200.
  Json Call(const std::string& method, const Json& body, const std::string& token = "owner") {
    const std::string text = body.dump();
    const auto reply = http_->Send(
        {.method = "POST",
         .url = server_.url() + "/v1/projects/p/databases/(default)/documents:" + method,
         .headers = {{"Authorization", "Bearer " + token}},
         .body = text},
        {});
    EXPECT_TRUE(reply.ok()) << reply.status();
    Json answer = Json::parse(reply->body);
    return reply->status == 200 ? answer : answer["error"];
  }
  std::string CommitStatus(const Json& write) {
    return Call("commit", {{"writes", Json::array({write})}}).value("status", "OK");
  }

  FakeFirestore server_{{}};
  std::unique_ptr<HttpClient> http_ = NewCurlHttpClient();
};

TEST_F(FakeFirestoreTest, PreconditionsHold) {
  Json create = Update("a", 1);
  create["currentDocument"] = {{"exists", false}};
  EXPECT_EQ(CommitStatus(create), "OK");
  EXPECT_EQ(CommitStatus(create), "ALREADY_EXISTS");
  Json change = Update("a", 2);
  change["currentDocument"] = {{"updateTime", "2001-01-01T00:00:00Z"}};
  EXPECT_EQ(CommitStatus(change), "FAILED_PRECONDITION");
  Json absent = Update("b", 2);
  absent["currentDocument"] = {{"exists", true}};
  EXPECT_EQ(CommitStatus(absent), "NOT_FOUND");
}

TEST_F(FakeFirestoreTest, ACommitIsWholeOrNothing) {
  Json bad = Update("b", 1);
  bad["currentDocument"] = {{"exists", true}};
  EXPECT_EQ(Call("commit", {{"writes", {Update("a", 1), bad}}})["status"], "NOT_FOUND");
  EXPECT_TRUE(Call("batchGet", {{"documents", {Name("a")}}})[0].contains("missing"));
}

TEST_F(FakeFirestoreTest, ABatchIsWriteByWrite) {
  CommitStatus(Update("a", 1));
  Json create = Update("a", 2);
  create["currentDocument"] = {{"exists", false}};
  const Json answer = Call("batchWrite", {{"writes", {create, Update("b", 1)}}});
  EXPECT_EQ(answer["status"][0]["code"], 6);
  EXPECT_EQ(answer["status"][1], Json::object());
  EXPECT_EQ(Call("batchWrite", {{"writes", {Update("c", 1), Update("c", 2)}}})["status"],
            "INVALID_ARGUMENT");
}

TEST_F(FakeFirestoreTest, OfTwoTransactionsOnOneDocumentOneFails) {
  CommitStatus(Update("a", 1));
  std::string ids[2];
  for (std::string& id : ids) {
    id = Call("beginTransaction", Json::object())["transaction"];
    Call("batchGet", {{"documents", {Name("a")}}, {"transaction", id}});
  }
  EXPECT_TRUE(Call("commit", {{"writes", {Update("a", 2)}}, {"transaction", ids[0]}})
                  .contains("commitTime"));
  EXPECT_EQ(Call("commit", {{"writes", {Update("a", 3)}}, {"transaction", ids[1]}})["status"],
            "ABORTED");
  EXPECT_EQ(Call("commit", {{"writes", {Update("a", 3)}}, {"transaction", ids[1]}})["status"],
            "INVALID_ARGUMENT")
      << "it is over";
  const std::string third = Call("beginTransaction", Json::object())["transaction"];
  EXPECT_EQ(Call("rollback", {{"transaction", third}}), Json::object());
}

TEST_F(FakeFirestoreTest, WhatIsWrongIsRefused) {
  EXPECT_EQ(Call("commit", Json::object(), "stranger")["status"], "UNAUTHENTICATED");
  EXPECT_EQ(Call("commit", {{"write", Json::array()}})["status"], "INVALID_ARGUMENT");
  Json number = Update("a", 1);
  number["update"]["fields"]["n"] = {{"integerValue", 1}};
  EXPECT_EQ(CommitStatus(number), "INVALID_ARGUMENT") << "integers are texts";
  Json elsewhere = Update("a", 1);
  elsewhere["update"]["name"] = "projects/q/databases/(default)/documents/c/a";
  EXPECT_EQ(CommitStatus(elsewhere), "INVALID_ARGUMENT");
  EXPECT_EQ(Call("explode", Json::object())["status"], "UNIMPLEMENTED");
}

TEST_F(FakeFirestoreTest, AWriteThatChangesNothingKeepsTheTime) {
  const Json first = Call("commit", {{"writes", {Update("a", 1)}}});
  const Json second = Call("commit", {{"writes", {Update("a", 1)}}});
  EXPECT_EQ(first["writeResults"][0], second["writeResults"][0]);
  EXPECT_NE(first["commitTime"], second["commitTime"]);
}

}  // namespace
}  // namespace millrace::firestore
