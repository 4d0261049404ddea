#include "pipeline/intent_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "base/strings.h"

namespace millrace {
namespace {

Intent Sample() {
  Intent intent{.id = std::string(32, 'a'),
                .destination = "lake:gs://b/p:events",
                .parts = {"a/part-0.parquet", "", "quoted \" \\ \n\x01\x7f", "caf\xe9", "ü"},
                .owner = "me"};
  intent.spans.push_back({.object = {"gs://b/k", "1", "c", intent.destination},
                          .revision = 9,
                          .after = {.row = std::numeric_limits<uint64_t>::max(), .byte = 1},
                          .counts = {2, 3, 4, 5, 6},
                          .state = LedgerState::kDone,
                          .last_error = "row 1: \xe9"});
  intent.spans.push_back(
      {.object = {"/data/caf\xe9", std::string("\0", 1), "", intent.destination}});
  return intent;
}

// As it is read back.
std::vector<IntentSpan> WithoutRevisions(std::vector<IntentSpan> spans) {
  for (IntentSpan& span : spans) span.revision = 0;
  return spans;
}

absl::Status StatusOf(std::string_view text) {
  Intent intent{.id = "x", .destination = "d"};
  return ParseIntentText(text, intent);
}

TEST(IntentText, EverythingComesBack) {
  const Intent intent = Sample();
  Intent read{.id = intent.id, .destination = intent.destination};
  read.parts = {"another"};
  read.spans.resize(3);
  ASSERT_TRUE(ParseIntentText(IntentText(intent), read).ok());
  EXPECT_EQ(read.parts, intent.parts);
  EXPECT_EQ(read.spans, WithoutRevisions(intent.spans));
}

// Ledgers keep it: another Millrace must be able to read it.
TEST(IntentText, TheFormatDoesNotChange) {
  constexpr char kText[] =
      R"({"parts":["p",{"base64":"6Q=="}],"spans":[{"accepted":3,"byte":20,"config":"c","error":"e",)"
      R"("events":6,"filtered":5,"object":"o","read":12,"rejected":4,"row":10,"state":"done",)"
      R"("version":"1"},{"config":"c","object":"o2","state":"open","version":"1"}]})";
  Intent intent{.id = "x", .destination = "d", .parts = {"p", "\xe9"}};
  intent.spans.push_back({.object = {"o", "1", "c", "d"},
                          .after = {10, 20},
                          .counts = {12, 3, 4, 5, 6},
                          .state = LedgerState::kDone,
                          .last_error = "e"});
  intent.spans.push_back({.object = {"o2", "1", "c", "d"}});
  EXPECT_EQ(IntentText(intent), kText);
  Intent read{.id = "x", .destination = "d"};
  ASSERT_TRUE(ParseIntentText(kText, read).ok());
  EXPECT_EQ(read.spans, intent.spans);
}

TEST(IntentText, BytesIsACloseUpperBound) {
  Intent intent = Sample();
  for (int i = 0; i < 20; ++i) {
    intent.parts.push_back(std::string(i, static_cast<char>(i + 1)));
    intent.parts.push_back(std::string(i, '\xff'));
    intent.parts.push_back(std::string(10 * i, 'x'));
    const size_t text = IntentText(intent).size();
    EXPECT_GE(intent.Bytes(), text);
    EXPECT_LE(intent.Bytes(), text + 200 * intent.spans.size() + 20 * intent.parts.size() + 100);
  }
}

TEST(IntentText, DamageIsDataLoss) {
  const std::string span = R"({"object":"o","version":"1","config":"c","state":"open"})";
  const auto with = [](const std::string& parts, const std::string& spans) {
    return StrCat("{\"parts\":", parts, ",\"spans\":", spans, "}");
  };
  ASSERT_TRUE(StatusOf(with("[]", StrCat("[", span, "]"))).ok());
  std::string many = span;
  for (size_t i = 0; i < kMaxIntentSpans; ++i) {
    StrAppend(&many, R"(,{"object":"o)", i, R"(","version":"1","config":"c","state":"open"})");
  }
  const std::string deep(100'000, '[');
  const std::vector<std::string> damaged = {
      "",
      "null",
      "[]",
      "{}",
      "{\"parts\":",
      with("{}", StrCat("[", span, "]")),
      with("[]", "[]"),
      with("[]", "{}"),
      with("[1]", StrCat("[", span, "]")),
      with("[{\"base64\":\"?\"}]", StrCat("[", span, "]")),
      with("[{\"base64\":\"\",\"x\":1}]", StrCat("[", span, "]")),
      with("[]", StrCat("[", span, ",", span, "]")),
      with("[]", StrCat("[", many, "]")),
      with("[]", "[1]"),
      with("[]", R"([{"object":"o","version":"1","config":"c"}])"),
      with("[]", R"([{"object":"o","version":"1","config":"c","state":"new"}])"),
      with("[]", R"([{"object":1,"version":"1","config":"c","state":"open"}])"),
      with("[]", R"([{"object":"o","version":"1","config":"c","state":"open","row":-1}])"),
      with("[]", R"([{"object":"o","version":"1","config":"c","state":"open","read":"1"}])"),
      with("[]", R"([{"object":"o","version":"1","config":"c","state":"open","error":1}])"),
      StrCat("{\"parts\":[],\"spans\":[", span, "],\"more\":[[[[[[]]]]]]}"),
      deep,
      StrCat("{\"parts\":", deep)};
  for (const std::string& text : damaged) {
    const absl::Status status = StatusOf(text);
    EXPECT_TRUE(absl::IsDataLoss(status)) << text.substr(0, 200) << ": " << status;
  }
}

}  // namespace
}  // namespace millrace
