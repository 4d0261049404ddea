#include "proxy/enrich.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "absl/strings/str_split.h"
#include "base/json_parse.h"
#include "base/strings.h"
#include "nlohmann/json.hpp"
#include "records/record_parser.h"

namespace millrace::proxy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr int64_t kNow = 1'796'008'365'123;

struct Result {
  std::vector<std::string> lines;
  std::vector<RejectedRecord> rejected;
  uint64_t received = 0;
};

struct Enriching {
  explicit Enriching(EnrichOptions options = {}) : enricher(options) {}

  Result Run(std::string_view text) {
    EnrichedRecords records;
    text = texts.emplace_back(text);
    request.unix_millis = kNow;
    EXPECT_TRUE(enricher.Enrich(text, request, &records));
    Result result{.rejected = records.rejected, .received = records.received};
    std::string_view lines = records.lines.view();
    RecordParser parser(request.type);
    while (!lines.empty()) {
      const size_t end = lines.find('\n');
      EXPECT_NE(end, std::string_view::npos);
      result.lines.emplace_back(lines.substr(0, end));
      EXPECT_TRUE(parser.Parse(result.lines.back()).ok())
          << parser.Parse(result.lines.back()) << ": " << Shorten(result.lines.back(), 200);
      lines.remove_prefix(end + 1);
    }
    EXPECT_EQ(result.lines.size(), records.count);
    EXPECT_EQ(result.received, records.count + records.rejected.size());
    return result;
  }

  std::string One(std::string_view text) {
    const Result result = Run(text);
    EXPECT_THAT(result.rejected, IsEmpty()) << text << ": " << result.rejected[0].message;
    return result.lines.empty() ? "" : result.lines[0];
  }

  EnrichRequest request;
  Enricher enricher;
  std::deque<std::string> texts;  // which rejected records view
};

std::string IdOf(const std::string& line) {
  const auto json = ParseJson(line);
  return json ? (*json)["properties"].value("$insert_id", "") : "";
}

std::vector<std::string> IdsOf(const Result& result) {
  std::vector<std::string> ids;
  for (const std::string& line : result.lines) ids.push_back(IdOf(line));
  return ids;
}

TEST(EnrichEvents, AddsOnlyWhatIsMissing) {
  Enriching enriching;
  enriching.request.address = "9.9.9.9";
  EXPECT_EQ(
      enriching.One(
          R"({"event":"E","properties":{"token":"t","time":1796008365.5,"ip":"1.2.3.4","$insert_id":"i-1"}})"),
      R"({"event":"E","properties":{"token":"t","time":1796008365.5,"ip":"1.2.3.4","$insert_id":"i-1"}})");
  EXPECT_EQ(
      enriching.One(R"({"event":"E","properties":{"$insert_id":"i-1"}})"),
      R"({"event":"E","properties":{"$insert_id":"i-1","time":1796008365123,"ip":"9.9.9.9"}})");
  EXPECT_THAT(
      enriching.One(R"({"event":"E","properties":{}})"),
      StartsWith(
          R"({"event":"E","properties":{"time":1796008365123,"ip":"9.9.9.9","$insert_id":")"));
  EXPECT_EQ(
      enriching.One(R"({"event":"E","properties":{"ip":0,"time":null,"$insert_id":"i","a":""}})"),
      R"({"event":"E","properties":{"ip":0,"$insert_id":"i","a":"","time":1796008365123}})");
  enriching.request.address = "";
  EXPECT_EQ(enriching.One(R"({"event":"E","properties":{"time":"  ","$insert_id":"i"}})"),
            R"({"event":"E","properties":{"$insert_id":"i","time":1796008365123}})");
}

TEST(EnrichEvents, KeepsEverythingElse) {
  Enriching enriching;
  const std::string kept =
      R"({"$mp_metadata":{"$mp_event_id":"m"},"event":"É 😀","id":17,"properties":{)"
      R"("$insert_id":"i","time":17960083651234567890,"big":12345678901234567890123,"d":1.50,)"
      R"("e":1E2,"n":null,"b":true,"l":[1,{"x":[]}],"o":{"a":{"b":"\u00e9\n"}},"":1}})";
  EXPECT_EQ(enriching.One(kept), kept);
}

TEST(EnrichEvents, WritesCanonicalLines) {
  Enriching enriching;
  EXPECT_EQ(
      enriching.One("{ \"event\" : \"E\" ,\n\"properties\" :\r\n{ \"time\" : 1 , \"l\":[1,\n2 "
                    "], \"$insert_id\":\"i\",\"nan\":NaN,\"o\":{\"x\":-Infinity},\"h\":1e999 } }"),
      R"({"event":"E","properties":{"time":1,"l":[1,2 ],"$insert_id":"i","nan":null,)"
      R"("o":{"x":null},"h":null}})");
  // The last of equal keys counts, however they are spelled.
  EXPECT_EQ(
      enriching.One(
          R"({"event":"A","properties":{"x":0},"event":"B","properties":{"a":1,"t\u0069me":5,"b":2,"time":6,"a":3,"$insert_id":"i"}})"),
      R"({"event":"B","properties":{"b":2,"time":6,"a":3,"$insert_id":"i"}})");
  // Half a surrogate pair.
  EXPECT_EQ(enriching.One(R"({"event":"\ud83d","properties":{"time":1,"$insert_id":"i"}})"),
            R"({"event":"\ufffd","properties":{"time":1,"$insert_id":"i"}})");
}

TEST(EnrichEvents, TakesEveryFraming) {
  Enriching enriching;
  const std::string event = R"({"event":"E","properties":{"time":1,"$insert_id":"i"}})";
  for (const std::string& text :
       {"[" + event + "," + event + "]", " [ " + event + " ,\n" + event + " ] ",
        event + "\n" + event, event + "\r\n\r\n" + event + "\n", event + event}) {
    EXPECT_THAT(enriching.Run(text).lines, ElementsAre(event, event)) << text;
  }
  for (std::string_view text : {"", " ", "[]", "[ ]"}) {
    EXPECT_EQ(enriching.Run(text).received, 0) << text;
  }
}

TEST(EnrichEvents, MakesInsertIdsConforming) {
  Enriching enriching;
  const auto id = [&](std::string_view value) {
    return IdOf(
        enriching.One(StrCat(R"({"event":"E","properties":{"time":1,"$insert_id":)", value, "}}")));
  };
  EXPECT_EQ(id("\"a-Z-9\""), "a-Z-9");
  EXPECT_EQ(id("12345678901234567890123"), "12345678901234567890123");
  EXPECT_EQ(id("\"seg:ment\""), id("\"seg:ment\""));
  EXPECT_THAT(id("\"seg:ment\""), SizeIs(32));
  EXPECT_NE(id("\"seg:ment\""), id("\"seg:mint\""));
  EXPECT_THAT(id(StrCat("\"", std::string(37, 'a'), "\"")), SizeIs(32));
  // Words that mean none: derived, as if it were missing.
  const std::string derived = IdOf(enriching.One(R"({"event":"E","properties":{"time":1}})"));
  for (std::string_view none : {"null", "\"\"", "\"undefined\"", "\"null\"", "0", "{}", "[]"}) {
    EXPECT_EQ(id(none), derived) << none;
  }
}

TEST(EnrichEvents, DerivesTheSameIdsForARepeatedRequest) {
  const std::string batch =
      R"([{"event":"A","properties":{"token":"t","x":1}},{"event":"A","properties":{"token":"t","x":2}},)"
      R"({"event":"B","properties":{"token":"t","time":5}}])";
  Enriching first, second;
  first.request.address = "1.1.1.1";
  second.request.address = "2.2.2.2";  // a phone on the way
  const std::vector<std::string> ids = IdsOf(first.Run(batch));
  EXPECT_THAT(ids, SizeIs(3));
  EXPECT_NE(ids[0], ids[1]);
  EnrichedRecords later;
  second.request.unix_millis = kNow + 60'000;  // the stamped time is another one
  EXPECT_TRUE(second.enricher.Enrich(batch, second.request, &later));
  std::vector<std::string> again;
  for (const absl::string_view line :
       absl::StrSplit(ToAbsl(later.lines.view()), '\n', absl::SkipEmpty())) {
    again.push_back(IdOf(std::string(line)));
  }
  EXPECT_EQ(again, ids);
  // As a form, with blanks, and with other orders of keys.
  EXPECT_EQ(
      IdsOf(first.Run(R"( { "properties" : { "x" : 1 , "token":"t" } , "event" : "A" } )"))[0],
      ids[0]);
  // Each of them is part of it.
  for (std::string_view other : {R"({"event":"A","properties":{"token":"u","x":1}})",
                                 R"({"event":"a","properties":{"token":"t","x":1}})",
                                 R"({"event":"A","properties":{"token":"t","x":1,"time":1}})",
                                 R"({"event":"A","properties":{"token":"t","x":"1"}})"}) {
    EXPECT_NE(IdOf(first.One(other)), ids[0]) << other;
  }
}

TEST(EnrichEvents, KeepsEqualEventsOfARequestApart) {
  Enriching enriching;
  const std::string event = R"({"event":"A","properties":{"token":"t","time":5}})";
  const auto ids = IdsOf(enriching.Run("[" + event + "," + event + "," + event + "]"));
  ASSERT_THAT(ids, SizeIs(3));
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_NE(ids[1], ids[2]);
  EXPECT_NE(ids[0], ids[2]);
  EXPECT_EQ(IdsOf(enriching.Run("[" + event + "," + event + "," + event + "]")), ids);
  EXPECT_EQ(IdsOf(enriching.Run(event)), std::vector{ids[0]});
  // The same if another record of the request is damaged.
  const auto damaged = IdsOf(enriching.Run("[" + event + "," + event + ",{\"x\"}]"));
  EXPECT_THAT(damaged, ElementsAre(ids[0], ids[1]));
}

TEST(EnrichEvents, DerivesIdsFromTheEventIdsOfMobileSdks) {
  Enriching enriching;
  const auto event = [](std::string_view id, std::string_view rest) {
    return StrCat(R"({"event":"A","properties":{"token":"t","time":5)", rest,
                  R"(},"$mp_metadata":{"$mp_session_id":"s","$mp_event_id" : ")", id, "\"}}");
  };
  const std::string id = IdOf(enriching.One(event("m1", "")));
  EXPECT_THAT(id, SizeIs(32));
  EXPECT_EQ(IdOf(enriching.One(event("m1", R"(,"$carrier":"x")"))), id);
  EXPECT_NE(IdOf(enriching.One(event("m2", ""))), id);
  const auto ids = IdsOf(enriching.Run("[" + event("m1", "") + "," + event("m1", "") + "]"));
  EXPECT_THAT(ids, ElementsAre(id, id));
  EXPECT_THAT(enriching.One(event("m1", "")), HasSubstr(R"("$mp_metadata":{"$mp_session_id")"));
}

TEST(EnrichEvents, SeesTokens) {
  Enriching enriching;
  TokenRules rules{.refused = {"spam"}};
  enriching.request.tokens = &rules;
  const std::string event = R"({"event":"E","properties":{"token":"T","time":1,"$insert_id":"i"}})";
  EXPECT_EQ(enriching.One(event), event);
  EXPECT_EQ(enriching.Run(R"({"event":"E","properties":{"token":"sp\u0061m"}})").rejected[0].code,
            "token_refused");
  rules.allowed = {"T"};
  EXPECT_EQ(enriching.One(event), event);
  EXPECT_THAT(enriching.Run(R"({"event":"E","properties":{"token":"t"}})").rejected, SizeIs(1));
  EXPECT_THAT(enriching.Run(R"({"event":"E","properties":{}})").rejected, SizeIs(1));
  enriching.request.default_token = "T";
  EXPECT_EQ(enriching.One(R"({"event":"E","properties":{"time":1,"$insert_id":"i"}})"),
            R"({"event":"E","properties":{"time":1,"$insert_id":"i","token":"T"}})");
  rules.replacement = "new\"";
  EXPECT_EQ(enriching.One(event),
            R"({"event":"E","properties":{"time":1,"$insert_id":"i","token":"new\""}})");
  // The id is that of the token that was sent.
  const std::string plain = R"({"event":"E","properties":{"token":"T","time":1}})";
  const std::string id = IdOf(enriching.One(plain));
  rules = {};
  EXPECT_EQ(IdOf(enriching.One(plain)), id);
}

TEST(EnrichEvents, RejectsWhatIsNoEvent) {
  Enriching enriching;
  struct Case {
    std::string_view text, code, field;
  };
  for (const auto& [text, code, field] :
       {Case{R"({})", "missing_event_name", "event"},
        Case{R"({"event":null,"properties":{}})", "missing_event_name", "event"},
        Case{R"({"event":" ","properties":{}})", "missing_event_name", "event"},
        Case{R"({"event":5,"properties":{}})", "missing_event_name", "event"},
        Case{R"({"event":"E"})", "missing_required_field", "properties"},
        Case{R"({"event":"E","properties":null})", "missing_required_field", "properties"},
        Case{R"({"event":"E","properties":[]})", "missing_required_field", "properties"},
        Case{R"({"event":"E","properties":{},"properties":1})", "missing_required_field",
             "properties"},
        Case{R"({"event":"E","properties":{"time":"yesterday"}})", "invalid_time",
             "properties.time"},
        Case{R"({"event":"E","properties":{"time":true}})", "invalid_time", "properties.time"},
        Case{R"({"event":"E","properties":{"time":{}}})", "invalid_time", "properties.time"},
        Case{"5", "unreadable_row", ""},
        Case{"null", "unreadable_row", ""},
        Case{"[[]]", "unreadable_row", ""},
        Case{"[\"x\"]", "unreadable_row", ""},
        Case{R"({"event":"E","properties":{"x":1)", "unreadable_row", ""},
        Case{R"({"event":"E","properties":{"x":01}})", "unreadable_row", ""},
        Case{R"({"event":"E","properties":{"x":"\q"}})", "unreadable_row", ""},
        Case{R"({"event":"E","properties":{"x":tru}})", "unreadable_row", ""},
        Case{R"({"event":"E","properties":{}} x)", "unreadable_row", ""},
        Case{R"({'event':'E'})", "unreadable_row", ""},
        Case{"{\"event\":\"\xff\",\"properties\":{}}", "unreadable_row", ""},
        Case{"{\"event\":\"a\nb\",\"properties\":{}}", "unreadable_row", ""}}) {
    const Result result = enriching.Run(text);
    ASSERT_THAT(result.rejected, Not(IsEmpty())) << text;
    EXPECT_THAT(result.lines, IsEmpty());
    EXPECT_EQ(result.rejected[0].code, code) << text;
    EXPECT_EQ(result.rejected[0].field, field) << text;
    EXPECT_FALSE(result.rejected[0].message.empty());
  }
  const std::string nul =
      StrCat("{\"event\":\"a", std::string_view("\0", 1), "b\",\"properties\":{}}");
  EXPECT_THAT(enriching.Run(nul).rejected, SizeIs(1));
}

TEST(EnrichEvents, TakesTheGoodRecordsAroundBadOnes) {
  Enriching enriching;
  const std::string good = R"({"event":"E","properties":{"time":1,"$insert_id":"i"}})";
  const Result result =
      enriching.Run("[" + good + ", {\"event\":1} ,{\"bad\": tru},7, " + good + "]");
  EXPECT_THAT(result.lines, ElementsAre(good, good));
  ASSERT_THAT(result.rejected, SizeIs(3));
  EXPECT_EQ(result.rejected[0].text, "{\"event\":1}");
  EXPECT_EQ(result.rejected[0].index, 1);
  EXPECT_EQ(result.rejected[1].text, "{\"bad\": tru}");
  EXPECT_EQ(result.rejected[1].index, 2);
  EXPECT_EQ(result.rejected[2].text, "7");
  EXPECT_EQ(result.rejected[2].index, 3);

  const Result semantic = enriching.Run("[" + good + " , {\"event\":1} , " + good + "]");
  EXPECT_THAT(semantic.lines, ElementsAre(good, good));
  ASSERT_THAT(semantic.rejected, SizeIs(1));
  EXPECT_EQ(semantic.rejected[0].text, "{\"event\":1}");

  // A body that was cut.
  const Result cut = enriching.Run("[" + good + "," + good + ",{\"event\":\"E");
  EXPECT_THAT(cut.lines, ElementsAre(good, good));
  ASSERT_THAT(cut.rejected, SizeIs(1));
  EXPECT_EQ(cut.rejected[0].text, ",{\"event\":\"E");
  const Result lines = enriching.Run(good + "\n{\"event\":\n" + good);
  EXPECT_THAT(lines.lines, ElementsAre(good, good));
  EXPECT_THAT(lines.rejected, SizeIs(1));
}

TEST(EnrichEvents, RepairsCesu8) {
  Enriching enriching;
  EXPECT_EQ(enriching.One("{\"event\":\"\xED\xA0\xBD\xED\xB8\x80\",\"properties\":{\"time\":1,"
                          "\"$insert_id\":\"i\"}}"),
            "{\"event\":\"\xF0\x9F\x98\x80\",\"properties\":{\"time\":1,\"$insert_id\":\"i\"}}");
}

TEST(EnrichEvents, BoundsDepthKeysAndSize) {
  Enriching enriching({.max_record_bytes = 1000});
  const auto nested = [](int levels, char open, char close) {
    return R"({"event":"E","properties":{"time":1,"$insert_id":"i","x":)" +
           std::string(static_cast<size_t>(levels), open) +
           std::string(static_cast<size_t>(levels), close) + "}}";
  };
  EXPECT_THAT(enriching.Run(nested(62, '[', ']')).lines, SizeIs(1));
  EXPECT_THAT(enriching.Run(nested(63, '[', ']')).rejected, SizeIs(1));
  EXPECT_THAT(enriching.Run(nested(100'000, '[', ']')).rejected, SizeIs(1));
  EXPECT_THAT(enriching.Run(std::string(100'000, '[')).rejected, SizeIs(1));
  EXPECT_THAT(enriching.Run(std::string(100'000, '{')).rejected, SizeIs(1));

  const auto sized = [](size_t size) {
    std::string event = R"({"event":"E","properties":{"time":1,"$insert_id":"i","x":""}})";
    event.insert(event.size() - 3, std::string(size - event.size(), 'x'));
    return event;
  };
  EXPECT_THAT(enriching.Run(sized(1000)).lines, SizeIs(1));
  const Result large = enriching.Run("[" + sized(1001) + "," + sized(900) + "]");
  EXPECT_THAT(large.lines, SizeIs(1));
  ASSERT_THAT(large.rejected, SizeIs(1));
  EXPECT_EQ(large.rejected[0].code, "event_too_large");
  EXPECT_THAT(enriching.Run("[" + sized(3 << 20) + "," + sized(900) + "]").lines, SizeIs(1));

  Enriching many;
  const auto keys = [](size_t count) {
    std::string event = R"({"event":"E","properties":{"time":1,"$insert_id":"i")";
    for (size_t i = 0; i < count; ++i) StrAppend(&event, ",\"", i, "\":1");
    return event + "}}";
  };
  EXPECT_THAT(many.Run(keys(9'988)).lines, SizeIs(1));
  const Result too_many = many.Run(keys(20'000));
  ASSERT_THAT(too_many.rejected, SizeIs(1));
  EXPECT_EQ(too_many.rejected[0].code, "too_many_properties");
}

TEST(EnrichEvents, BoundsTheNumberOfRecords) {
  for (const size_t max_whole_bytes : {size_t{1} << 20, size_t{10}}) {
    Enriching enriching({.max_whole_bytes = max_whole_bytes, .max_records = 3});
    EXPECT_THAT(enriching.Run("[1,2,3]").rejected, SizeIs(3));
    for (std::string_view text : {"[1,2,3,4]", "[,,,,", "{}{}{}{}{}\n{}\n{}\n{}"}) {
      EnrichedRecords records;
      EXPECT_FALSE(enriching.enricher.Enrich(text, enriching.request, &records)) << text;
    }
  }
}

TEST(EnrichEvents, ParsesLargeRequestsRecordByRecord) {
  Enriching whole, each({.max_whole_bytes = 10});
  const std::string batch =
      R"([{"event":"A","properties":{"time":1,"x":"é\ud83d"}},{"event":"A","properties":{"time":1,"x":"é\ud83d"}},{"event":5},)"
      "\n {\"event\" : \"B\",\"properties\":{\"l\":[1,\n2]}}]";
  EXPECT_EQ(whole.Run(batch).lines, each.Run(batch).lines);
  EXPECT_THAT(each.Run(batch).lines, SizeIs(3));
  EXPECT_EQ(each.Run(batch).rejected[0].text, R"({"event":5})");
}

TEST(EnrichImports, RequireATime) {
  Enriching enriching;
  enriching.request.requires_time = true;
  EXPECT_EQ(
      enriching.Run(R"({"event":"E","properties":{"$insert_id":"i9"}})").rejected[0].insert_id,
      "i9");
  EXPECT_EQ(enriching.One(R"({"event":"$merge","properties":{"$insert_id":"i"}})"),
            R"({"event":"$merge","properties":{"$insert_id":"i"}})");
}

TEST(EnrichUpdates, AddTheAddressAndTheToken) {
  Enriching enriching;
  enriching.request.type = RecordType::kUser;
  enriching.request.address = "9.9.9.9";
  EXPECT_EQ(enriching.One(R"({"$token":"t","$distinct_id":"u","$set":{"a":1}})"),
            R"({"$token":"t","$distinct_id":"u","$set":{"a":1},"$ip":"9.9.9.9"})");
  EXPECT_EQ(enriching.One(R"({"$ip":"0","$distinct_id":13793,"$unset":["a"],"$mp_metadata":{}})"),
            R"({"$ip":"0","$distinct_id":13793,"$unset":["a"],"$mp_metadata":{}})");
  TokenRules rules{.replacement = "R"};
  enriching.request.tokens = &rules;
  EXPECT_EQ(enriching.One(R"({"$token":"t","$distinct_id":"u","$ip":"0","$delete":""})"),
            R"({"$distinct_id":"u","$ip":"0","$delete":"","$token":"R"})");
  EXPECT_THAT(enriching
                  .Run(R"([{"$set":{}},{"$distinct_id":""},{"$distinct_id":null},)"
                       R"({"$distinct_id":{}},{"$distinct_id":true},{"distinct_id":"u"}])")
                  .rejected,
              SizeIs(6));
}

TEST(EnrichUpdates, BoundTheirOperations) {
  Enriching enriching;
  enriching.request.type = RecordType::kUser;
  const auto operations = [](size_t count) {
    std::string update = R"({"$distinct_id":"u")";
    for (size_t i = 0; i < count; ++i) StrAppend(&update, ",\"$op", i, "\":{}");
    return update + "}";
  };
  EXPECT_THAT(enriching.Run(operations(64)).lines, SizeIs(1));
  EXPECT_THAT(enriching.Run(operations(65)).rejected, SizeIs(1));
  std::string keys = R"({"$distinct_id":"u","$set":{"x":1)";
  for (size_t i = 0; i < 10'000; ++i) StrAppend(&keys, ",\"", i, "\":1");
  EXPECT_THAT(enriching.Run(keys + "}}").rejected, SizeIs(1));
}

TEST(EnrichUpdates, OfGroupsGetNoAddress) {
  Enriching enriching;
  enriching.request.type = RecordType::kGroup;
  enriching.request.address = "9.9.9.9";
  for (const std::string update :
       {R"({"$group_key":"company","$group_id":"acme","$set":{"a":1}})",
        R"({"$group_key":"company","$group_id":"acme","$ip":"8.8.8.8","$set":{"a":1}})"}) {
    EXPECT_EQ(enriching.One(update), update);
  }
}

TEST(EnrichUpdates, OfGroupsNeedTheirIds) {
  Enriching enriching;
  enriching.request.type = RecordType::kGroup;
  const std::string update = R"({"$group_key":"company","$group_id":"acme","$set":{"a":1}})";
  EXPECT_EQ(enriching.One(update), update);
  EXPECT_EQ(enriching.Run(R"({"$group_key":"company"})").rejected[0].field, "$group_id");
  EXPECT_EQ(enriching.Run(R"({"$group_id":1})").rejected[0].field, "$group_key");
}

}  // namespace
}  // namespace millrace::proxy
