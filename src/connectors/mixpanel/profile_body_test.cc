#include "connectors/mixpanel/profile_body.h"

#include <gtest/gtest.h>

namespace millrace::mixpanel {
namespace {

Batch BatchOf(std::initializer_list<std::string_view> rows) {
  Batch batch;
  for (const std::string_view row : rows) {
    batch.bytes.Append(row);
    batch.EndRow(0);
  }
  return batch;
}

std::string BodyOf(const Batch& batch, RowRange rows, std::string_view token = "t0k") {
  ByteBuffer out;
  ProfileBody(token).WriteTo(&out, batch, rows);
  return std::string(out.view());
}

TEST(ProfileBody, AddsTheTokenToEachUpdate) {
  const Batch batch =
      BatchOf({R"({"$distinct_id":"a","$set":{"x":1}})", R"({"$distinct_id":"b"})"});
  EXPECT_EQ(BodyOf(batch, {0, 2}), R"([{"$token":"t0k","$distinct_id":"a","$set":{"x":1}},)"
                                   R"({"$token":"t0k","$distinct_id":"b"}])");
  EXPECT_EQ(BodyOf(batch, {1, 2}), R"([{"$token":"t0k","$distinct_id":"b"}])");
}

TEST(ProfileBody, TakesEmptyObjectsAndWhiteSpace) {
  EXPECT_EQ(BodyOf(BatchOf({"{}", " { }", " { \"a\":1}"}), {0, 3}),
            R"([{"$token":"t0k"},{"$token":"t0k" },{"$token":"t0k", "a":1}])");
}

TEST(ProfileBody, EscapesTheToken) {
  EXPECT_EQ(BodyOf(BatchOf({"{}"}), {0, 1}, "a\"b"), R"([{"$token":"a\"b"}])");
}

TEST(ProfileBody, DoesNotRepeatATokenThatIsThere) {
  const std::string_view row = R"({"$distinct_id":"a","$token":"t0k"})";
  EXPECT_EQ(BodyOf(BatchOf({row}), {0, 1}), "[" + std::string(row) + "]");
}

TEST(ProfileBody, AddsNoMoreThanItSays) {
  const ProfileBody body("t0k");
  const Batch batch = BatchOf({R"({"a":1})", "{}"});
  ByteBuffer out;
  body.WriteTo(&out, batch, {0, 2});
  EXPECT_LE(out.size(), batch.bytes.size() + 2 * body.added_row_bytes());
}

TEST(ProfileBody, SeesUpdatesOfOtherProjects) {
  const ProfileBody body("t0k");
  EXPECT_FALSE(body.IsForAnotherProject(R"({"$distinct_id":"a"})"));
  EXPECT_FALSE(body.IsForAnotherProject(R"({"$token":"t0k"})"));
  EXPECT_FALSE(body.IsForAnotherProject(R"({"$set":{"$token":"other"}})"));
  EXPECT_TRUE(body.IsForAnotherProject(R"({"$token":"other"})"));
  EXPECT_TRUE(body.IsForAnotherProject(R"({"$token":null})"));
}

}  // namespace
}  // namespace millrace::mixpanel
