#include "mapping/script.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/strings.h"
#include "mapping/script_engine_internal.h"
#include "mapping/script_source.h"

namespace millrace {
namespace {

// Records of one call into the engine: enough to share its cost, few enough for the caches.
constexpr size_t kMostSliceRecords = 250;
constexpr size_t kMostSliceBytes = 256 << 10;

class EngineScript : public Script {
 public:
  EngineScript(std::string path, std::string expression, const ScriptLimits& limits,
               std::unique_ptr<ScriptEngine> engine)
      : path_(std::move(path)),
        expression_(std::move(expression)),
        limits_(limits),
        engine_(std::move(engine)) {}

  void Run(const Batch& records, Batch& results, std::vector<ScriptFailure>& failures) override {
    results_ = &results;
    failures_ = &failures;
    size_t begin = 0;
    while (begin < records.rows()) {
      size_t end = begin + 1;
      while (end < records.rows() && end - begin < kMostSliceRecords &&
             records.row_ends[end] - records.start(begin) <= kMostSliceBytes) {
        ++end;
      }
      RunSlice(records, begin, end);
      begin = end;
    }
  }

 private:
  void RunSlice(const Batch& records, size_t begin, size_t end) {
    if (engine_ != nullptr && engine_->IsMemoryExceeded()) {
      Fail(begin, "transform_memory",
           StrCat("the script keeps more than ", limits_.memory >> 20,
                  " MB from one event to the next; it was loaded anew"));
      Reload();
      ++begin;
    }
    JoinRecords(records, begin, end);
    const size_t count = end - begin;
    size_t first = 0;
    while (first < count) {
      if (engine_ == nullptr) return FailAll(begin + first, end);
      lines_.clear();
      const ScriptEngine::Stop stop = engine_->Run(array_.view(), first, lines_);
      TakeLines(begin + first);
      if (stop == ScriptEngine::Stop::kNone) return;
      if (stop == ScriptEngine::Stop::kError) {
        if (count > 1) return RunAlone(records, begin, end);
        return Fail(begin, "transform_exception", "JavaScript cannot read the event as JSON");
      }
      first = std::min(engine_->current(), count - 1) + 1;
      FailStopped(begin + first - 1, stop);
    }
  }

  void RunAlone(const Batch& records, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) RunSlice(records, i, i + 1);
  }

  void JoinRecords(const Batch& records, size_t begin, size_t end) {
    array_.clear();
    array_.Append('[');
    for (size_t i = begin; i < end; ++i) {
      if (i != begin) array_.Append(',');
      array_.Append(records.row(i));
    }
    array_.Append(']');
  }

  // Sorts out what became of the records from `record` on.
  void TakeLines(size_t record) {
    std::string_view rest = lines_.view();
    while (!rest.empty()) {
      const size_t line_end = std::min(rest.find('\n'), rest.size() - 1);
      const std::string_view line = rest.substr(0, line_end);
      rest.remove_prefix(line_end + 1);
      if (line.starts_with('=')) {
        results_->bytes.Append(line.substr(1));
        results_->EndRow(record);
      } else if (line.starts_with('!')) {
        Fail(record, "transform_exception", ExceptionText(line.substr(1)));
      } else {
        ++record;
      }
    }
  }

  // The message, with the place in the user's file, and the stack.
  static std::string ExceptionText(std::string_view json) {
    const nlohmann::json thrown = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
    if (!thrown.is_object()) return "the transform threw an exception";
    std::string text = thrown.value("message", "");
    const std::string place = thrown.value("place", "");
    const std::string stack = thrown.value("stack", "");
    if (!place.empty()) StrAppend(&text, " at ", place);
    if (stack.find('\n') != std::string::npos) StrAppend(&text, "\n", stack);
    return text;
  }

  void FailStopped(size_t record, ScriptEngine::Stop stop) {
    if (stop == ScriptEngine::Stop::kTime) {
      return Fail(record, "transform_timeout",
                  StrCat("the transform took more than ",
                         absl::FormatDuration(limits_.time_per_record), " of CPU time"));
    }
    Fail(record, "transform_memory",
         StrCat("the transform took more than ", limits_.memory >> 20, " MB of memory"));
    Reload();
  }

  void Reload() {
    engine_.reset();  // before the next: never two heaps at once
    absl::StatusOr<std::unique_ptr<ScriptEngine>> engine =
        ScriptEngine::Make(path_, expression_, limits_);
    if (engine.ok()) engine_ = *std::move(engine);
  }

  void Fail(size_t record, std::string_view code, std::string message) {
    failures_->push_back({record, std::string(code), std::move(message)});
  }

  void FailAll(size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      Fail(i, "transform_exception", "the transform could not be loaded anew");
    }
  }

  const std::string path_;
  const std::string expression_;
  const ScriptLimits limits_;
  std::unique_ptr<ScriptEngine> engine_;  // null if it could not be loaded again
  ByteBuffer array_;
  ByteBuffer lines_;
  Batch* results_ = nullptr;
  std::vector<ScriptFailure>* failures_ = nullptr;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Script>> Script::Load(std::string path, std::string_view text,
                                                     const ScriptLimits& limits) {
  absl::StatusOr<std::string> expression = ModuleExpression(text);
  if (!expression.ok()) {
    return absl::InvalidArgumentError(StrCat(path, ": ", ToStd(expression.status().message())));
  }
  absl::StatusOr<std::unique_ptr<ScriptEngine>> engine =
      ScriptEngine::Make(path, *expression, limits);
  if (!engine.ok()) return engine.status();
  return std::make_unique<EngineScript>(std::move(path), *std::move(expression), limits,
                                        *std::move(engine));
}

}  // namespace millrace
