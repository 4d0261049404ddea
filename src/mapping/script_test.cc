#include "mapping/script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"

namespace millrace {
namespace {

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
    script_->Run(batch, results, failures_);
    std::vector<std::string> outcomes(records.size());
    for (size_t i = 0; i < results.rows(); ++i) outcomes[results.source_rows[i]] += results.row(i);
    for (const ScriptFailure& failure : failures_) outcomes[failure.record] += failure.code;
    return outcomes;
  }

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

TEST_F(ScriptTest, LoadsAScriptAnewThatKeepsTooMuch) {
  Load(
      "const kept = [];\n"
      "export default (e) => { for (let i = 0; i < 1e4; i++) kept.push([i]); return e; }",
      {.memory = 64 << 20});
  size_t failed = 0;
  size_t done = 0;
  for (int i = 0; i < 40; ++i) {
    for (const std::string& outcome : Run(std::vector<std::string>(10, "{}"))) {
      failed += outcome == "transform_memory" ? 1 : 0;
      done += outcome == "{}" ? 1 : 0;
    }
  }
  EXPECT_GE(failed, 1U);
  EXPECT_EQ(failed + done, 400U);
}

TEST_F(ScriptTest, SurvivesEndlessRecursionAndHugeTexts) {
  Load(
      "export default (e) => { if (e.deep) return (function f() { return f(); })();\n"
      "  let s = 'x'; while (e.wide) s += s; return e; }");
  EXPECT_THAT(Run({"{\"deep\":1}", "{\"wide\":1}", "{}"}),
              ElementsAre("transform_exception", "transform_exception", "{}"));
}

}  // namespace
}  // namespace millrace
