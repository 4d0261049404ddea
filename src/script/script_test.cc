#include "script/script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"

namespace millrace {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ScriptTest : public testing::Test {
 protected:
  void Load(std::string_view text, const ScriptLimits& limits = {}) {
    absl::StatusOr<std::unique_ptr<Script>> script = Script::Load("t.js", text, limits);
    ASSERT_TRUE(script.ok()) << script.status();
    script_ = *std::move(script);
  }

  static std::string LoadError(std::string_view text) {
    return std::string(ToStd(Script::Load("t.js", text).status().message()));
  }

  // What became of each record: its results, its failure's code, or "" if it was filtered.
  std::vector<std::string> Run(const std::vector<std::string>& records) {
    Batch batch;
    for (const std::string& record : records) {
      batch.bytes.Append(record);
      batch.EndRow(0);
    }
    Batch results;
    failures_.clear();
    EXPECT_EQ(script_->Run(batch, 0, kAll, results, failures_), records.size());
    std::vector<std::string> outcomes(records.size());
    for (size_t i = 0; i < results.rows(); ++i) outcomes[results.source_rows[i]] += results.row(i);
    for (const ScriptFailure& failure : failures_) outcomes[failure.record] += failure.code;
    return outcomes;
  }

  static Batch BatchOf(int records, std::string_view record) {
    Batch batch;
    for (int i = 0; i < records; ++i) {
      batch.bytes.Append(record);
      batch.EndRow(0);
    }
    return batch;
  }

  static constexpr size_t kAll = std::numeric_limits<size_t>::max();
  std::unique_ptr<Script> script_;
  std::vector<ScriptFailure> failures_;
};

TEST_F(ScriptTest, TakesEachFormOfExport) {
  for (const char* text : {
           "export default function (e) { return { n: e.n + 1 }; }",
           "export default function add(e) { return { n: e.n + one() }; }\nconst one = () => 1;",
           "export default (e) => ({ n: e.n + 1 })",
           "const f = (e) => ({ n: e.n + 1 });\nexport default f;",
           "export\n  default\nfunction (e) { return { n: e.n + 1 }; }",
           "module.exports = function (e) { return { n: e.n + 1 }; };",
           "exports.default = (e) => ({ n: e.n + 1 });",
           "module.exports = { transform(e) { return { n: e.n + 1 }; } };",
           "function transform(e) { return { n: e.n + 1 }; }",
           "'use strict';\nconst transform = (e) => ({ n: e.n + 1 }); // the end",
           "// export default nothing\nlet s = 'export default \"';\nexport default e => ({n: "
           "e.n+1})",
       }) {
    SCOPED_TRACE(text);
    Load(text);
    EXPECT_THAT(Run({"{\"n\":1}"}), ElementsAre("{\"n\":2}"));
  }
}

TEST_F(ScriptTest, KeepsLineNumbers) {
  Load("export default\n\nfunction named(e) {\n  return e.a.b;\n}");
  Run({"{}"});
  ASSERT_EQ(failures_.size(), 1U);
  EXPECT_THAT(failures_[0].message, HasSubstr(" at t.js:4:"));
  EXPECT_THAT(LoadError("\n\nlet x = ;"), StartsWith("t.js:3: SyntaxError"));
  EXPECT_THAT(LoadError("\nthrow new Error('no')"), StartsWith("t.js:2:"));
}

TEST_F(ScriptTest, RefusesAsyncFunctions) {
  EXPECT_EQ(LoadError("\nexport default async (e) => e;"),
            "t.js: line 2: a transform cannot be async: it must return the event itself");
  Load("const o = { async: 1 };\nexport default (e) => ({ n: o.async }); // async");
  EXPECT_THAT(Run({"{}"}), ElementsAre("{\"n\":1}"));
}

TEST_F(ScriptTest, KeepsOrderOverManyRecords) {
  Load("export default (e) => e.n % 3 === 0 ? null : e.n % 3 === 1 ? e : [e, e];");
  std::vector<std::string> records;
  for (int i = 0; i < 500; ++i) records.push_back(StrCat("{\"n\":", i, "}"));
  const std::vector<std::string> outcomes = Run(records);
  for (int i = 0; i < 500; ++i) {
    const std::string& record = records[i];
    EXPECT_EQ(outcomes[i], i % 3 == 0 ? "" : i % 3 == 1 ? record : record + record);
  }
}

TEST_F(ScriptTest, KeepsStateBetweenRecords) {
  Load("let n = 0;\nexport default () => ({ n: ++n });");
  EXPECT_THAT(Run({"{}", "{}"}), ElementsAre("{\"n\":1}", "{\"n\":2}"));
  EXPECT_THAT(Run({"{}"}), ElementsAre("{\"n\":3}"));
}

TEST_F(ScriptTest, CannotBeMisledByTheScript) {
  Load(
      "JSON.stringify = () => 'x'; JSON.parse = () => 7; Array.isArray = () => true;\n"
      "export default (e) => e;");
  EXPECT_THAT(Run({"{\"a\":\"=\\n!\"}"}), ElementsAre("{\"a\":\"=\\n!\"}"));
}

TEST_F(ScriptTest, StopsARecordThatTakesTooLong) {
  Load("let n = 0;\nexport default (e) => { for (; e.loop;); return { n: ++n }; }",
       {.time_per_record = absl::Milliseconds(50)});
  EXPECT_THAT(Run({"{}", "{\"loop\":true}", "{}", "{\"loop\":true}", "{\"loop\":true}", "{}"}),
              ElementsAre("{\"n\":1}", "transform_timeout", "{\"n\":2}", "transform_timeout",
                          "transform_timeout", "{\"n\":3}"))
      << "the others are done once each, with their state";
  EXPECT_THAT(failures_[0].message, HasSubstr("more than 50ms of CPU time"));
}

TEST_F(ScriptTest, GivesEachRecordItsOwnTime) {
  Load(
      "export default (e) => { let s = 0; for (let i = 0; i < 3e6; i++) s += i % 7; return { s }; "
      "}",
      {.time_per_record = absl::Milliseconds(200)});
  for (const std::string& outcome : Run(std::vector<std::string>(32, "{}"))) {
    EXPECT_THAT(outcome, StartsWith("{\"s\":"));
  }
}

TEST_F(ScriptTest, StopsWhatTakesTooLongToLoad) {
  EXPECT_EQ(ToStd(Script::Load("t.js", "for (;;);", {.time_per_record = absl::Milliseconds(50)})
                      .status()
                      .message()),
            "t.js: loading it took too long");
}

TEST_F(ScriptTest, StopsARecordThatTakesTooMuchMemory) {
  Load("export default (e) => { const a = []; while (e.grow) a.push({ n: a.length }); return e; }",
       {.time_per_record = absl::Seconds(60), .memory = 64 << 20});
  EXPECT_THAT(Run({"{}", "{\"grow\":true}", "{}"}), ElementsAre("{}", "transform_memory", "{}"));
  EXPECT_THAT(failures_[0].message, HasSubstr("more than 64 MB of memory"));
}

TEST_F(ScriptTest, ReloadsAScriptThatKeepsTooMuchMemory) {
  Load(
      "const kept = [];\n"
      "export default (e) => { for (let i = 0; i < 1e4; i++) kept.push([i]); return e; }",
      {.memory = 64 << 20});
  // No record is to blame for what all of them have kept.
  for (int i = 0; i < 40; ++i) {
    EXPECT_THAT(Run(std::vector<std::string>(10, "{}")), Each("{}"));
  }
}

TEST_F(ScriptTest, ReloadsAScriptWhenRecordsTogetherFillTheHeap) {
  Load(
      "const kept = []; let n = 0;\n"
      "export default (e) => { for (let i = 0; i < 2e4; i++) kept.push({ i, e });\n"
      "  return { n: ++n }; }",
      {.time_per_record = absl::Seconds(60), .memory = 64 << 20});
  const std::vector<std::string> outcomes = Run(std::vector<std::string>(250, "{}"));
  EXPECT_THAT(outcomes, Each(StartsWith("{\"n\":")));
  EXPECT_EQ(failures_.size(), 0U);
  EXPECT_GE(std::count(outcomes.begin(), outcomes.end(), "{\"n\":1}"), 2)
      << "it was reloaded, and counts from the start";
}

TEST_F(ScriptTest, RejectsOnlyTheRecordThatFillsTheHeapAlone) {
  Load(
      "const kept = [];\n"
      "export default (e) => { for (let i = 0; i < (e.grow ? 1e9 : 5e3); i++) kept.push([i]);\n"
      "  return e; }",
      {.time_per_record = absl::Seconds(60), .memory = 64 << 20});
  std::vector<std::string> records(60, "{}");
  records[20] = records[21] = records[50] = "{\"grow\":1}";
  const std::vector<std::string> outcomes = Run(records);
  for (size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(outcomes[i], records[i] == "{}" ? "{}" : "transform_memory") << i;
  }
}

constexpr std::string_view kFanOut =
    "export default (e) => { const all = [];\n"
    "  for (let i = 0; i < e.n; i++) all.push({ i, text: e.text.repeat(e.of || 1) });\n"
    "  return all; }";

TEST_F(ScriptTest, ReturnsWhenTheResultsAreLargeAndResumesLater) {
  Load(kFanOut);
  const Batch records = BatchOf(600, "{\"n\":500,\"text\":\"0123456789\"}");
  size_t rows = 0;
  size_t calls = 0;
  for (size_t next = 0; next < records.rows(); ++calls) {
    Batch results;
    const size_t first = next;
    next = script_->Run(records, first, 50'000, results, failures_);
    ASSERT_GT(next, first);
    ASSERT_EQ(results.rows(), 500 * (next - first));
    EXPECT_EQ(results.source_rows.front(), first);
    EXPECT_EQ(results.source_rows.back(), next - 1);
    EXPECT_TRUE(results.row(0).starts_with("{\"i\":0,"));
    // The engine is left after each megabyte.
    EXPECT_LE(results.bytes.size(), 50'000u + (1 << 20) + 25'000);
    rows += results.rows();
  }
  EXPECT_EQ(rows, 300'000u);
  EXPECT_GE(calls, 2u);
  EXPECT_TRUE(failures_.empty());
}

TEST_F(ScriptTest, ProcessesAtLeastOneRecord) {
  Load(kFanOut);
  const Batch records = BatchOf(3, "{\"n\":1,\"text\":\"t\",\"of\":2000000}");
  Batch results;
  EXPECT_EQ(script_->Run(records, 0, 1, results, failures_), 1u);
  EXPECT_EQ(results.rows(), 1u);
  EXPECT_EQ(script_->Run(records, 1, 1, results, failures_), 2u);
  EXPECT_EQ(results.rows(), 2u);
}

TEST_F(ScriptTest, BoundsTheResultOfOneRecord) {
  Load(kFanOut, {.result_bytes = 100'000, .results = 1000});
  const auto outcome = [&](int n, std::string_view text, int of) {
    return Run({StrCat("{\"n\":", n, ",\"text\":\"", text, "\",\"of\":", of, "}"),
                "{\"n\":1,\"text\":\"next\"}"});
  };
  constexpr const char* kNext = "{\"i\":0,\"text\":\"next\"}";
  EXPECT_THAT(outcome(1001, "x", 1), ElementsAre("transform_output_too_large", kNext));
  EXPECT_THAT(failures_[0].message, HasSubstr("more than 1000 events"));
  EXPECT_THAT(outcome(1000, "x", 1), ElementsAre(StartsWith("{\"i\":0,"), kNext));
  EXPECT_THAT(outcome(1, "x", 100'001), ElementsAre("transform_output_too_large", kNext));
  EXPECT_THAT(outcome(200, "x", 500), ElementsAre("transform_output_too_large", kNext));
  // The same length in JavaScript, but not in UTF-8.
  EXPECT_THAT(outcome(1, "x", 50'000), ElementsAre(StartsWith("{\"i\":0,"), kNext));
  EXPECT_THAT(outcome(1, "\u20ac", 50'000), ElementsAre("transform_output_too_large", kNext));
  Load("export default (e) => ({ text: 'x'.repeat(e.n) });", {.result_bytes = 100'000});
  EXPECT_THAT(Run({"{\"n\":200000}", "{\"n\":1}"}),
              ElementsAre("transform_output_too_large", "{\"text\":\"x\"}"));
}

TEST_F(ScriptTest, SurvivesInfiniteRecursionAndHugeStrings) {
  Load(
      "export default (e) => { if (e.deep) return (function f() { return f(); })();\n"
      "  let s = 'x'; while (e.wide) s += s; return e; }");
  EXPECT_THAT(Run({"{\"deep\":1}", "{\"wide\":1}", "{}"}),
              ElementsAre("transform_exception", "transform_exception", "{}"));
}

}  // namespace
}  // namespace millrace
