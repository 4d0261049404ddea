#include "connectors/pubsub/record_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/strings.h"
#include "connectors/pubsub/message.h"
#include "connectors/pubsub/pubsub.pb.h"

namespace millrace::pubsub {
namespace {

namespace wire = google::pubsub::v1;
using testing::HasSubstr;

constexpr PublishPlan::Limits kLimits{.messages = 1000, .bytes = 1'000'000};

Batch MakeBatch(const std::vector<std::string>& records) {
  Batch batch;
  for (const std::string& record : records) {
    batch.bytes.Append(record);
    batch.EndRow(batch.rows());
  }
  return batch;
}

std::string Event(std::string_view name, std::string_view distinct_id, std::string_view insert_id) {
  return StrCat(R"({"event":")", name, R"(","properties":{"time":1700000000,"distinct_id":")",
                distinct_id, R"(","$insert_id":")", insert_id, R"("}})");
}

// data | ordering key | attributes, of each message.
std::vector<std::string> Show(const wire::PublishRequest& request) {
  std::vector<std::string> shown;
  for (const wire::PubsubMessage& message : request.messages()) {
    std::string text = StrCat(message.data(), " | ", message.ordering_key(), " |");
    const std::map<std::string, std::string> sorted(message.attributes().begin(),
                                                    message.attributes().end());
    for (const auto& [name, value] : sorted) StrAppend(&text, " ", name, "=", value);
    shown.push_back(std::move(text));
  }
  return shown;
}

struct Made {
  std::vector<std::string> messages;
  std::vector<RefusedRow> refused;
  std::vector<Lane> lanes;
};

// All lanes, one request each.
Made Make(const MessageOptions& options, const std::vector<std::string>& records) {
  const Batch batch = MakeBatch(records);
  RecordMessages messages(options, kLimits);
  messages.Prepare(batch);
  Made made{.refused = messages.TakeRefused(), .lanes = messages.TakeLanes()};
  for (const Lane& lane : made.lanes) {
    wire::PublishRequest request;
    messages.AppendTo(request, lane);
    size_t estimated = 0;
    for (const SizedRow& row : lane) estimated += row.bytes;
    EXPECT_LE(request.ByteSizeLong(), estimated);
    for (std::string& message : Show(request)) made.messages.push_back(std::move(message));
  }
  return made;
}

TEST(RecordMessagesTest, AMessageIsARecord) {
  const std::string one = Event("Sign up", "u1", "i-1");
  const std::string other = R"({"event":"\"A\" \u00e9","properties":{"x":1.50}})";
  EXPECT_EQ(Make({}, {one, other}).messages,
            (std::vector<std::string>{
                one + " |  | content_type=application/json event=Sign up insert_id=i-1"
                      " record_type=event",
                other + " |  | content_type=application/json event=\"A\" \xC3\xA9"
                        " record_type=event"}));
  EXPECT_EQ(Make({.attributes = false}, {one}).messages, (std::vector<std::string>{one + " |  |"}));
}

TEST(RecordMessagesTest, UpdatesOfProfiles) {
  const std::string user = R"({"$distinct_id":"u1","$set":{"a":1},"$add":{"b":2}})";
  EXPECT_EQ(
      Make({.type = RecordType::kUser, .ordered = true}, {user}).messages,
      (std::vector<std::string>{user + " | u1 | content_type=application/json record_type=user"}));
  const std::string group = R"({"$group_key":"firm","$group_id":"g1","$set":{"a":1}})";
  EXPECT_EQ(Make({.type = RecordType::kGroup, .ordered = true}, {group}).messages,
            (std::vector<std::string>{group +
                                      " | g1 | content_type=application/json record_type=group"}));
  // A flat row is an operation.
  EXPECT_EQ(
      Make({.type = RecordType::kUser, .form = Form::kFlat, .attributes = false}, {user}).messages,
      (std::vector<std::string>{R"({"distinct_id":"u1","operation":"$set","a":1} |  |)",
                                R"({"distinct_id":"u1","operation":"$add","b":2} |  |)"}));
}

TEST(RecordMessagesTest, ABatchIsLines) {
  const std::string a1 = Event("e", "a", "1"), b2 = Event("e", "b", "2"), a3 = Event("e", "a", "3");
  EXPECT_EQ(Make({.batches = true}, {a1, b2, a3}).messages,
            (std::vector<std::string>{
                StrCat(a1, "\n", b2, "\n", a3, "\n",
                       " |  | content_type=application/x-ndjson record_type=event records=3")}));
  const Made by_key = Make({.batches = true, .ordered = true, .attributes = false}, {a1, b2, a3});
  EXPECT_THAT(by_key.messages, testing::UnorderedElementsAre(StrCat(a1, "\n", a3, "\n | a |"),
                                                             StrCat(b2, "\n | b |")));
}

TEST(RecordMessagesTest, TheOrderingKeyIsTheUser) {
  const auto key = [](const std::string& properties) {
    const auto shown = Make({.ordered = true, .attributes = false},
                            {StrCat(R"({"event":"e","properties":{)", properties, "}}")})
                           .messages.front();
    const size_t end = shown.rfind(" |");
    const size_t begin = shown.rfind("| ", end - 1);
    return shown.substr(begin + 2, end - begin - 2);
  };
  EXPECT_EQ(key(R"("distinct_id":12)"), "12");
  EXPECT_EQ(key(R"("$device_id":"d","$user_id":"u")"), "u");
  EXPECT_EQ(key(R"("$device_id":"d")"), "$device:d");
  EXPECT_EQ(key(R"("a":1)"), "");
}

TEST(RecordMessagesTest, RowsOfOneKeyAreInOneLaneInTheirOrder) {
  std::vector<std::string> records;
  for (int i = 0; i < 3000; ++i) {
    records.push_back(i % 3 == 0 ? R"({"event":"e","properties":{}})"
                                 : Event("e", StrCat("user ", i % 50), StrCat(i)));
  }
  const Made made = Make({.ordered = true}, records);
  std::map<size_t, size_t> lane_of_user;
  std::set<size_t> rows;
  for (size_t lane = 0; lane < made.lanes.size(); ++lane) {
    size_t last = 0;
    for (const SizedRow& row : made.lanes[lane]) {
      EXPECT_TRUE(rows.insert(row.row).second);
      EXPECT_GE(row.row, last);
      last = row.row;
      if (row.row % 3 == 0) continue;
      EXPECT_EQ(lane_of_user.emplace(row.row % 50, lane).first->second, lane);
    }
  }
  EXPECT_EQ(rows.size(), records.size());
}

TEST(RecordMessagesTest, LanesWithoutKeysAreRequests) {
  std::vector<std::string> records(2500, Event("e", "u", "i"));
  records.push_back(Event("e", std::string(900'000, 'x'), "i"));
  records.push_back(Event("e", std::string(900'000, 'x'), "i"));
  records.push_back(Event("e", std::string(3'000'000, 'x'), "i"));
  const Made made = Make({}, records);
  std::vector<size_t> sizes;
  for (const Lane& lane : made.lanes) sizes.push_back(lane.size());
  EXPECT_EQ(sizes, (std::vector<size_t>{1000, 1000, 500, 1, 1, 1}));
}

TEST(RecordMessagesTest, WhatNoMessageHoldsIsRefused) {
  const std::string good = Event("e", "u", "i");
  const std::string long_text(kMaxAttributeValueBytes + 1, 'x');
  const Made made =
      Make({.ordered = true}, {good, Event(long_text, "u", "i"), Event("e", "u", long_text),
                               Event("e", long_text, "i"), "{\"event\":", good,
                               Event("e", "u", std::string(kMaxRequestBytes, 'x'))});
  ASSERT_EQ(made.refused.size(), 5u);
  EXPECT_EQ(made.refused[0].row, 1u);
  EXPECT_EQ(made.refused[0].code, "attribute_too_large");
  EXPECT_EQ(made.refused[0].field, "event");
  EXPECT_THAT(made.refused[0].message, HasSubstr("1025 bytes"));
  EXPECT_EQ(made.refused[1].field, "insert_id");
  EXPECT_EQ(made.refused[2].code, "ordering_key_too_large");
  EXPECT_EQ(made.refused[3].code, "invalid_record");
  EXPECT_EQ(made.refused[4].row, 6u);
  EXPECT_EQ(made.messages.size(), 2u);

  const Made large = Make({.attributes = false}, {std::string(kMaxRequestBytes, 'x'), good});
  ASSERT_EQ(large.refused.size(), 1u);
  EXPECT_EQ(large.refused[0].code, "message_too_large");
  // Texts at their limits fit, and so does a long name without attributes.
  const std::string longest(kMaxAttributeValueBytes, 'x');
  EXPECT_TRUE(Make({.ordered = true}, {Event(longest, longest, longest)}).refused.empty());
  EXPECT_TRUE(Make({.attributes = false}, {Event(long_text, "u", "i")}).refused.empty());
  EXPECT_TRUE(Make({.batches = true}, {Event(long_text, "u", "i")}).refused.empty());
}

TEST(RecordMessagesTest, FlatRecordsMustBeRecords) {
  const Made made =
      Make({.form = Form::kFlat}, {"{}", Event("e", "u", "i"), R"({"event":"e","properties":1})"});
  ASSERT_EQ(made.refused.size(), 2u);
  EXPECT_EQ(made.refused[0].code, "invalid_record");
  ASSERT_EQ(made.messages.size(), 1u);
  EXPECT_THAT(made.messages[0],
              HasSubstr(R"({"event":"e","event_time":"2023-11-14T22:13:20.000Z")"));
}

}  // namespace
}  // namespace millrace::pubsub
