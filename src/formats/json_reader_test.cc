#include "formats/json_reader.h"

#include <random>
#include <string>

#include "formats/testing/rows.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

constexpr size_t kMaxPayload = 1 << 20;  // what is kept of overlong rows

std::vector<std::string> Rows(std::string text) {
  ReadResult result = ReadRows(std::move(text), {.type = FileType::kNdjson});
  EXPECT_TRUE(result.status.ok()) << result.status;
  return result.rows;
}

// The one row of `text`, which may hold line ends: as an array of it, and if it is a line as
// NDJSON.
std::string OneRow(const std::string& text) {
  const std::vector<std::string> rows = Rows("{}\n" + text + "\n{}");
  EXPECT_THAT(rows, SizeIs(3)) << text;
  return rows.size() == 3 ? rows[1] : "";
}

TEST(NdjsonTest, ShowsEachKindOfValue) {
  EXPECT_EQ(OneRow(R"({"s":"text","e":"","i":1,"n":-12,"z":0,"t":true,"f":false,"u":null})"),
            R"(s="text" e="" i=1 n=-12 z=0 t=true f=false u=null)");
  EXPECT_EQ(OneRow(R"({"o":{"a":[1,{"b":null}],"c":{}},"l":[],"m":[[],[true,"x"]]})"),
            R"(o={"a":[1,{"b":null}],"c":{}} l=[] m=[[],[true,"x"]])");
  EXPECT_EQ(OneRow("{}"), "");
  EXPECT_EQ(OneRow(" \t{ \"a\" : 1 , \"b\" : \"x\" , \"c\" : [ 1 , 2 ] } "),
            R"(a=1 b="x" c=[ 1 , 2 ])");
}

TEST(NdjsonTest, NumbersKeepTheirDigits) {
  EXPECT_EQ(OneRow(R"({"a":9223372036854775807,"b":-9223372036854775808})"),
            "a=9223372036854775807 b=-9223372036854775808");
  EXPECT_EQ(OneRow(R"({"a":18446744073709551615,"b":123456789012345678901234567890})"),
            "a=18446744073709551615 b=123456789012345678901234567890");
  EXPECT_EQ(OneRow(R"({"a":1.10,"b":-0.5,"c":1e3,"d":1.5E-07,"e":-0,"f":0.1})"),
            "a=1.10 b=-0.5 c=1e3 d=1.5E-07 e=-0 f=0.1");
  EXPECT_EQ(OneRow(R"({"a":1234567890123456789,"b": 7 })"), "a=1234567890123456789 b=7");
}

TEST(NdjsonTest, StringsKeepTheirEscapes) {
  EXPECT_EQ(OneRow(R"({"a":"\"\\\/\b\f\n\r\t\u00e9","b":"plain","c":"\\"})"),
            R"(a="\"\\\/\b\f\n\r\t\u00e9" b="plain" c="\\")");
  EXPECT_EQ(OneRow(R"({"a":"𝄞 日本 é"})"), R"(a="𝄞 日本 é")");
  EXPECT_EQ(OneRow(R"({"\u0061\"b":1})"), R"(a"b=1)");
}

TEST(NdjsonTest, LoneSurrogatesBecomeTheReplacementCharacter) {
  EXPECT_EQ(OneRow(R"({"a":"x\ud83dy","b":"\ude00","c":"\ud83d\ude00","d":["\uD83D"]})"),
            R"(a="x\ufffdy" b="\ufffd" c="\ud83d\ude00" d=["\ufffd"])");
}

TEST(NdjsonTest, NanAndInfinityAreNull) {
  EXPECT_EQ(OneRow(R"({"a":NaN,"b":Infinity,"c":-Infinity,"d":"NaN"})"),
            R"(a=null b=null c=null d="NaN")");
  EXPECT_EQ(OneRow(R"({"a":[NaN,1,{"x":-Infinity,"NaN":"-Infinity"}],"b":[Infinity]})"),
            R"(a=[null,1,{"x":null,"NaN":"-Infinity"}] b=[null])");
}

TEST(NdjsonTest, NumbersBeyondDoublesAreNull) {
  EXPECT_EQ(OneRow(R"({"a":1e308,"b":1e309,"c":-1e309,"d":123e45678901234565780,"e":1e-400})"),
            "a=1e308 b=null c=null d=null e=1e-400");
  const std::string digits(400, '9');
  EXPECT_EQ(OneRow("{\"a\":" + digits + ",\"b\":" + digits + ".5,\"c\":[1,-" + digits +
                   ",2e999,\"2e999\",2e9]}"),
            R"(a=null b=null c=[1,null,null,"2e999",2e9])");
}

TEST(NdjsonTest, AKeyMayBeEmpty) {
  EXPECT_THAT(Rows("{\"\":1}\n{\"\":2}\n{\"\":\"x\"}\n"), ElementsAre("=1", "=2", R"(="x")"));
}

TEST(NdjsonTest, TheLastOfRepeatedKeysCounts) {
  EXPECT_EQ(OneRow(R"({"a":1,"b":2,"a":3,"c":4,"b":5})"), "a=3 b=5 c=4");
  EXPECT_EQ(OneRow(R"({"a":1,"\u0061":2})"), "a=2");
}

TEST(NdjsonTest, RowsMayDifferInTheirKeys) {
  EXPECT_THAT(
      Rows("{\"a\":1,\"b\":2}\n{\"a\":1}\n{\"a\":1,\"b\":2,\"c\":3}\n{\"b\":1,\"a\":2}\n{}\n"
           "{\"a\":1,\"x\":2}\n{\"a\":3,\"x\":4}"),
      ElementsAre("a=1 b=2", "a=1", "a=1 b=2 c=3", "b=1 a=2", "", "a=1 x=2", "a=3 x=4"));
}

TEST(NdjsonTest, BlankLinesAreSkippedAndTheLastLineNeedsNoEnd) {
  EXPECT_THAT(Rows("\n\n{\"a\":1}\n\r\n  \t\n{\"a\":2}\r\n{\"a\":3}"),
              ElementsAre("a=1", "a=2", "a=3"));
  EXPECT_THAT(Rows(""), IsEmpty());
  EXPECT_THAT(Rows("\n \n"), IsEmpty());
  EXPECT_THAT(Rows("\xef\xbb\xbf{\"a\":1}\n"), ElementsAre("a=1"));
}

TEST(NdjsonTest, BadRowsSayWhatIsWrongAndWhere) {
  const auto expect = [](const std::string& row, const std::string& why) {
    EXPECT_THAT(OneRow(row), HasSubstr(why)) << row;
  };
  expect(R"({"a":1)", "truncated at byte 6");
  expect(R"({"a":)", "truncated at byte 5");
  expect(R"({"a")", "truncated");
  expect(R"({)", "truncated");
  expect(R"({"a":"x)", "an unclosed string begins at byte 5");
  expect(R"({"a":1}})", "text after the end of the object at byte 7");
  expect(R"({"a":1}x{"b":2})", "text after the end of the object at byte 7");
  expect(R"({"a" 1})", "expected ':' after a key at byte 5");
  expect(R"({"a":1 "b":2})", "expected ',' or '}' in an object at byte 7");
  expect(R"({"a":1,})", "expected a key in quotes at byte 7");
  expect(R"({a:1})", "expected a key in quotes at byte 1");
  expect(R"({"a":})", "expected a value at byte 5");
  expect(R"({"a":,"b":1})", "expected a value at byte 5");
  expect(R"({"a":tru})", "expected a value at byte 5");
  expect(R"({"a":truex})", "unexpected text after a value at byte 9");
  expect(R"({"a":nan})", "expected a value at byte 5");
  expect(R"({"a":01})", "must not begin with 0 at byte 5");
  expect(R"({"a":1.})", "expected a digit after '.' at byte 7");
  expect(R"({"a":1e+})", "expected a digit in the exponent at byte 8");
  expect(R"({"a":-})", "expected a value at byte 5");
  expect(R"({"a":+1})", "expected a value at byte 5");
  expect(R"({"a":123"x"})", "unexpected text after a value at byte 8");
  expect(R"({"a":"x"y})", "at byte 8");
  expect(R"({"a":"x""y"})", "at byte 8");
  expect(R"({"a":"\x"})", "unknown escape in a string at byte 6");
  expect(R"({"a":"\u12g4"})", "unknown escape in a string at byte 6");
  expect(R"({"a\q":1})", "unknown escape in a string at byte 3");
  expect("{\"a\":\"x\ty\"}", "a control character in a string must be escaped at byte 7");
  expect("{\"a\":\"x\xe9y\"}", "not UTF-8: byte 0xE9 at byte 7 of the row");
  expect("{\"a\":\"\xed\xa0\x80\"}", "not UTF-8");
  expect(R"({"a":[1,2})", "expected ',' or ']' in a list at byte 9");
  expect(R"({"a":[1 2]})", "expected ',' or ']' in a list at byte 8");
  expect(R"({"a":{"b":1]})", "expected ',' or '}' in an object at byte 11");
  expect(R"({"a":{"b"}})", "expected ':' after a key at byte 9");
  expect(R"({"a":[1,]})", "expected a value at byte 8");
  expect(R"({"a":{"b":"\u12"}})", "unknown escape");
  expect(R"([1])", "expected an object at byte 0");
  expect(R"("text")", "expected an object at byte 0");
  expect("null", "expected an object at byte 0");
  expect("nonsense", "expected an object at byte 0");
}

TEST(NdjsonTest, ABadRowDoesNotAffectItsNeighbours) {
  // Together the halves are valid JSON.
  EXPECT_THAT(Rows("{}\n{\"a\":\n1}\n{\"a\":1}\n"),
              ElementsAre("", StartsWith("! invalid JSON: the row is truncated"),
                          StartsWith("! invalid JSON: expected an object"), "a=1"));
  EXPECT_THAT(Rows("{\"x\":0}\n{\"a\":\"b\n\",\"c\":1}\n{\"a\":1}\n"),
              ElementsAre("x=0", StartsWith("! "), StartsWith("! "), "a=1"));
  EXPECT_THAT(Rows("{\"x\":0}\n{\"a\":1,\n{\"a\":[\n{\"a\":{\"b\":\n{\"a\":1}\n"),
              ElementsAre("x=0", StartsWith("! "), StartsWith("! "), StartsWith("! "), "a=1"));
}

std::string Nested(int levels) {
  return "{\"a\":" + std::string(levels - 1, '[') + std::string(levels - 1, ']') + "}";
}

TEST(NdjsonTest, NestingIsBounded) {
  EXPECT_THAT(OneRow(Nested(64)), StartsWith("a=[["));
  EXPECT_THAT(OneRow(Nested(65)), HasSubstr("nested more than 64 levels deep at byte 68"));
  EXPECT_THAT(OneRow(Nested(100'000)), HasSubstr("nested more than 64 levels deep"));
}

TEST(NdjsonTest, KeysAreBounded) {
  std::string row = "{";
  for (int i = 0; i < 10'001; ++i) row += "\"k" + std::to_string(i) + "\":1,";
  row.back() = '}';
  EXPECT_THAT(OneRow(row), HasSubstr("more than 10,000 keys"));
}

TEST(NdjsonTest, OverlongRowsAreSkippedUnread) {
  const std::string large = "{\"a\":\"" + std::string(kMaxRowBytes, 'x') + "\"}";
  const std::string fits = "{\"a\":\"" + std::string(kMaxRowBytes - 8, 'x') + "\"}";
  const std::string huge = "{\"a\":\"" + std::string(2 * kMaxRowBytes, 'x') + "\"}";
  const std::string text = "{\"a\":1}\n" + huge + "\n{\"a\":2}\n" + large + "\n" + fits;
  for (const size_t bytes : {size_t{1}, size_t{100} << 20}) {
    const ReadResult result = ReadRows(text, {}, {.rows = 2000, .bytes = bytes});
    ASSERT_TRUE(result.status.ok()) << result.status;
    ASSERT_THAT(result.rows, SizeIs(5));
    EXPECT_EQ(result.rows[0], "a=1");
    EXPECT_THAT(result.rows[1], HasSubstr("longer than 16 MiB"));
    EXPECT_EQ(result.rows[2], "a=2");
    EXPECT_THAT(result.rows[3], HasSubstr("longer than 16 MiB"));
    EXPECT_THAT(result.rows[4], StartsWith("a=\"xxx"));
    EXPECT_EQ(result.positions.back().byte, text.size());
    for (const std::string& raw : result.bad_raw) EXPECT_EQ(raw, large.substr(0, kMaxPayload));
  }
}

TEST(JsonArrayTest, ElementsAreRows) {
  const std::vector<std::string> expected = {"a=1", "a=2 b=\"x]},{\\\"\"", "c=[{\"d\":1}]"};
  EXPECT_EQ(Rows(R"([{"a":1},{"a":2,"b":"x]},{\""},{"c":[{"d":1}]}])"), expected);
  EXPECT_EQ(Rows(R"( [ {"a":1} , {"a":2,"b":"x]},{\""} , {"c":[{"d":1}]} ] )"), expected);
  EXPECT_THAT(Rows("[]"), IsEmpty());
  EXPECT_THAT(Rows(" [ \n ] \n"), IsEmpty());
  EXPECT_THAT(Rows("[{\"a\":1}]\n[{\"a\":2}]\n"), ElementsAre("a=1", "a=2"));
}

TEST(JsonArrayTest, CellsOfPrettyPrintedElementsAreOneLine) {
  EXPECT_THAT(Rows("[\n  {\n    \"a\": 1,\n    \"b\": {\r\n      \"c\": \"x\\ny\"\r\n    }\n  },\n"
                   "  {\n    \"a\": [\n 2,\nNaN\n]\n  }\n]\n"),
              ElementsAre(R"(a=1 b={      "c": "x\ny"    })", "a=[ 2,null]"));
}

TEST(JsonArrayTest, BadElementsAreBadRows) {
  EXPECT_THAT(
      Rows(R"([{"a":1},3,"x,]",null,[1,{"b":2}],{"a":},{"a":"\q"},{"a":2}])"),
      ElementsAre("a=1", HasSubstr("expected an object"), HasSubstr("expected an object"),
                  HasSubstr("expected an object"), HasSubstr("expected an object"),
                  HasSubstr("expected a value at byte 5"), HasSubstr("unknown escape"), "a=2"));
}

TEST(JsonArrayTest, TextBetweenElementsIsDataLoss) {
  const auto expect = [](const std::string& text, size_t rows, const std::string& why) {
    const ReadResult result = ReadRows(text, {.type = FileType::kNdjson});
    EXPECT_EQ(result.status.code(), absl::StatusCode::kDataLoss) << text << result.status;
    EXPECT_THAT(std::string(result.status.message()), HasSubstr(why)) << text;
    EXPECT_THAT(result.rows, SizeIs(rows)) << text;
  };
  expect(R"([{"a":1} {"a":2}])", 1,
         "expected ',' or ']' after an element of the JSON array at byte 9");
  expect(R"([{"a":1},,{"a":2}])", 1, "found ',' at byte 9");
  expect(R"([{"a":1}] {"a":2})", 1, "text outside the JSON array at byte 10");
  expect(R"([{"a":1},{"a":2})", 2, "the text ends inside the JSON array at byte 16");
  expect(R"([{"a":1},{"a":2)", 1, "the text ends inside the JSON array at byte 15");
  expect(R"([{"a":1},)", 1, "the text ends inside the JSON array at byte 9");
  expect(R"([)", 0, "the text ends inside the JSON array at byte 1");
  expect("{\n\"a\":1\n}\nx\n", 1, "found 'x' at byte 10");
  expect("{\n\"a\":1\n}\n{\n", 1, "the text ends inside a JSON object at byte 12");
}

TEST(JsonSequenceTest, ObjectsMaySpanSeveralLines) {
  EXPECT_THAT(Rows("{\n  \"a\": 1,\n  \"b\": \"}\"\n}\n{\n  \"a\": 2\n}{\"a\":3}{\"a\":4}\n"),
              ElementsAre("a=1 b=\"}\"", "a=2", "a=3", "a=4"));
  EXPECT_THAT(Rows("{ \"a\": 1,\n  \"b\": {\n}}"), ElementsAre("a=1 b={}"));
}

TEST(JsonSequenceTest, ATruncatedFirstLineDoesNotStartASequence) {
  EXPECT_THAT(Rows("{\"a\":\n{\"a\":2}\n"), ElementsAre(StartsWith("! "), "a=2"));
}

TEST(ConcatenatedJsonTest, ObjectsOfALineAreRows) {
  EXPECT_THAT(Rows("{\"a\":1}{\"a\":2}{\"a\":3}"), ElementsAre("a=1", "a=2", "a=3"));
  EXPECT_THAT(Rows("{\"a\":1} {\"a\":2}\t \r{\"a\":3} \n{\"a\":4}{\"a\":5}\n"),
              ElementsAre("a=1", "a=2", "a=3", "a=4", "a=5"));
  // Brackets in text, nested objects and escapes are no ends.
  EXPECT_THAT(
      Rows(R"({"a":"}{","b":{"c":{}}}{"a":"\"}{\\"}{"a":{"x":{"y":1} }  }{"a":["}{",{"z":1}]})"),
      ElementsAre(R"(a="}{" b={"c":{}})", R"(a="\"}{\\")", R"(a={"x":{"y":1} })",
                  R"(a=["}{",{"z":1}])"));
  // As Macs ended lines once.
  EXPECT_THAT(Rows("{\"a\":1}\r{\"a\":2}\r"), ElementsAre("a=1", "a=2"));
}

TEST(ConcatenatedJsonTest, LinesMayBeKeptWhole) {
  EXPECT_THAT(ReadRows("{\"a\":1}\n{\"a\":2}{\"a\":3}\n", {.split_lines = false}).rows,
              ElementsAre("a=1", HasSubstr("text after the end of the object")));
}

TEST(ConcatenatedJsonTest, ABrokenObjectAffectsAtMostItsLine) {
  EXPECT_THAT(Rows("{\"a\":1}{\"a\":}{\"a\":3}\n"),
              ElementsAre("a=1", HasSubstr("expected a value at byte 5"), "a=3"));
  EXPECT_THAT(Rows("{\"a\":1}}{\"a\":2}\n{\"a\":[1}{\"a\":2}\n{\"a\":\"x}{\"b\":2}\n{\"a\":3}\n"),
              ElementsAre(HasSubstr("text after the end of the object at byte 7"), "a=2",
                          StartsWith("! "), StartsWith("! "), "a=3"));
  EXPECT_THAT(Rows("{}\nx {\"a\":1}{\"a\":2}\n"),
              ElementsAre("", HasSubstr("expected an object"), "a=2"));
}

TEST(ConcatenatedJsonTest, ObjectsMayBeFarApart) {
  const std::string long_text(200'000, 'x');
  for (const size_t gap : {1u, 5'000u, 65'535u, 65'536u, 65'537u, 300'000u}) {
    const std::string space(gap, ' ');
    const std::string text = "{\"a\":\"" + long_text + "\"}" + space + "{\"a\":2}" + space +
                             "{\"a\":3}" + std::string(gap, '\n') + "{\"a\":4}{\"a\":5}";
    for (const size_t bytes : {1u, 70'000u, 100'000'000u}) {
      const ReadResult result = ReadRows(text, {}, {.rows = 2000, .bytes = bytes});
      EXPECT_TRUE(result.status.ok()) << result.status;
      EXPECT_THAT(result.rows, ElementsAre(StartsWith("a=\"xxx"), "a=2", "a=3", "a=4", "a=5"));
    }
  }
}

TEST(ConcatenatedJsonTest, AnOverlongObjectAffectsNoOther) {
  const std::string large = "{\"a\":\"" + std::string(kMaxRowBytes, 'x') + "\"}";
  for (const std::string gap : {"", " ", "  \t "}) {
    const std::string text =
        "{\"a\":1}" + gap + large + gap + "{\"a\":2}" + gap + large + "\n{\"a\":3}";
    for (const size_t bytes : {size_t{1} << 20, size_t{100} << 20}) {
      EXPECT_THAT(ReadRows(text, {}, {.rows = 2000, .bytes = bytes}).rows,
                  ElementsAre("a=1", HasSubstr("longer than 16 MiB"), "a=2",
                              HasSubstr("longer than 16 MiB"), "a=3"));
    }
  }
}

TEST(NdjsonTest, ABrokenRowIsShownWhole) {
  const std::string row = "{\"a\":\"" + std::string(100'000, 'x');
  const ReadResult result = ReadRows("{}\n" + row + "\n{}\n");
  EXPECT_THAT(result.bad_raw, ElementsAre(row));
}

TEST(JsonSequenceTest, OverlongElementsAreSkippedUnread) {
  const std::string large = "{\"a\":\"" + std::string(kMaxRowBytes, 'x') + "\"}";
  EXPECT_THAT(Rows("[{\"a\":1}," + large + ",\n{\"a\":2}]"),
              ElementsAre("a=1", HasSubstr("longer than 16 MiB"), "a=2"));
}

// Text of all sorts, mostly valid.
std::string RandomJsonRow(std::mt19937& random, bool may_be_cut_off) {
  static const char* const kValues[] = {"1",           "-5",        "1.5e3",       "null",
                                        "true",        "\"text\"",  "\"\\n\\\"\"", "[1,{\"x\":[]}]",
                                        "{\"y\":1}",   "NaN",       "\"é\"",       "[NaN,\"a,]}\"]",
                                        "\"\\ud800\"", "bad",       "\"\xff\"",    "\"\\q\"",
                                        "\"}{\"",      "[\"\\\\\"]"};
  std::string row = "{";
  const size_t keys = random() % 5;
  for (size_t i = 0; i < keys; ++i) {
    if (i != 0) row += ',';
    row += "\"k" + std::to_string(random() % 7) + "\":";
    row += kValues[random() % (random() % 4 == 0 ? std::size(kValues) : 13)];
  }
  row += '}';
  // A cut off element would swallow its neighbours; a cut off line does not.
  if (may_be_cut_off && random() % 20 == 0) row.pop_back();
  return row;
}

TEST(JsonPropertyTest, ChunkSizesDoNotChangeTheRowsAndReadingResumesAtEveryChunkEnd) {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    const int layout = round % 3;
    std::string text = layout == 1 ? "[" : "";
    const size_t rows = random() % 300;
    for (size_t i = 0; i < rows; ++i) {
      if (layout == 1 && i != 0) text += random() % 2 == 0 ? "," : " ,\n";
      text += RandomJsonRow(random, layout == 0);
      static const char* const kEnds[] = {"\n", "\n", "\n", "\r\n\n", "", " ", "\t \r"};
      if (layout != 1) text += kEnds[random() % std::size(kEnds)];
    }
    if (layout == 1) text += "]";
    if (layout == 2) text = "{\n}\n" + text;
    const ReadOptions options{.type = FileType::kNdjson};
    const ReadResult whole = ReadRows(text, options, {.rows = 1 << 20, .bytes = 1 << 24});
    ASSERT_TRUE(whole.status.ok()) << whole.status;
    const ChunkLimits limits{.rows = 1 + random() % 40, .bytes = 1 + random() % 2000};
    const ReadResult parts = ReadRows(text, options, limits);
    ASSERT_TRUE(parts.status.ok()) << parts.status;
    ASSERT_EQ(parts.rows, whole.rows);
    ASSERT_EQ(parts.bad_raw, whole.bad_raw);
    for (const Position& position : parts.positions) {
      ReadOptions from = options;
      from.from = position;
      const ReadResult rest = ReadRows(text, from, limits);
      ASSERT_TRUE(rest.status.ok()) << rest.status;
      ASSERT_EQ(rest.rows,
                std::vector<std::string>(whole.rows.begin() + position.row, whole.rows.end()));
      ASSERT_TRUE(rest.rows.empty() || rest.first_number == position.row);
    }
  }
}

// Shows each row, and the members of its cell "o" if that is opened.
class OpensO : public RowsAsText {
 public:
  std::string_view opens() const override { return "o"; }
  void OnRow(const Row& row) override {
    RowsAsText::OnRow(row);
    if (row.opened == nullptr) return;
    RowsAsText members;
    members.OnRow(*row.opened);
    rows.back() += " -> " + members.rows.front();
  }
};

std::vector<std::string> OpenedRows(std::string text) {
  auto reader = OpenRows(std::make_shared<MemoryObject>(std::move(text)), {});
  EXPECT_TRUE(reader.ok()) << reader.status();
  auto chunk = (*reader)->Read({});
  EXPECT_TRUE(chunk.ok() && *chunk != nullptr);
  DecodeScratch scratch;
  OpensO rows;
  (*chunk)->ForEachRow(scratch, rows);
  return rows.rows;
}

TEST(OpenedCellTest, HasItsMembers) {
  EXPECT_THAT(OpenedRows("{\"a\":1,\"o\":{\"b\":\"\\u00e9\",\"c\":[1, {\"o\":{}}]},\"d\":2}\n"
                         "{\"o\":{}}\n{\"o\" : { \"b\" : 2 } }\n"),
              ElementsAre("a=1 o={\"b\":\"\\u00e9\",\"c\":[1, {\"o\":{}}]} d=2 -> "
                          "b=\"\\u00e9\" c=[1, {\"o\":{}}]",
                          "o={} -> ", "o={ \"b\" : 2 } -> b=2"));
}

TEST(OpenedCellTest, IsNotOpenedIfItIsNoObjectOrRepeated) {
  EXPECT_THAT(
      OpenedRows(R"({"a":1}
{"o":[1]}
{"o":null}
{"o":{"b":1},"o":2}
{"o":{"b":1},"\u006f":{"b":2}}
{"o":{"b":1,"b":2}}
)"),
      ElementsAre("a=1", "o=[1]", "o=null", "o=2", R"(o={"b":2})", R"(o={"b":1,"b":2} -> b=2)"));
}

TEST(OpenedCellTest, IsRewrittenLikeOthers) {
  EXPECT_THAT(OpenedRows("[{\"o\":{\n \"b\": NaN,\n \"c\": [\n1e999, 2],\n \"d\": \"\\ud800\"}}]"),
              ElementsAre(R"(o={ "b": null, "c": [null, 2], "d": "\ufffd"} -> b=null )"
                          R"(c=[null, 2] d="\ufffd")"));
}

TEST(OpenedCellTest, MistakesInItAreThoseOfTheRow) {
  const std::vector<std::string> rows = OpenedRows(R"({"o":{"b":tru}}
{"o":{"b":"\q"}}
{"o":{"b":1
{"o":{"c":"\u0041"}}
{"o":{"b":1}}}
)");
  ASSERT_THAT(rows, SizeIs(5));
  for (const size_t bad : {0, 1, 2, 4})
    EXPECT_THAT(rows[bad], StartsWith("! invalid JSON: ")) << bad;
  EXPECT_EQ(rows[3], R"(o={"c":"\u0041"} -> c="\u0041")");
}

TEST(OpenedCellTest, IsNotOpenedIfItHasTooManyKeys) {
  std::string many = "{";
  for (int i = 0; i <= 10'000; ++i) StrAppend(&many, i == 0 ? "" : ",", "\"", i, "\":\"\\n\"");
  many += "}";
  EXPECT_THAT(OpenedRows("{\"o\":" + many + "}\n{\"o\":{\"b\":1}}\n"),
              ElementsAre("o=" + many, R"(o={"b":1} -> b=1)"));
}

}  // namespace
}  // namespace millrace
