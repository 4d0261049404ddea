#include "script/script.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "script/script_engine_internal.h"
#include "script/script_source.h"

namespace millrace {
namespace {

// Records per call into the engine: enough to share its cost, few enough for the caches.
constexpr size_t kMaxSliceRecords = 250;
constexpr size_t kMaxSliceBytes = 256 << 10;
constexpr size_t kMaxKeptBytes = 8 << 20;

class EngineScript : public Script {
 public:
  EngineScript(std::string path, std::string expression, const ScriptLimits& limits,
               std::unique_ptr<ScriptEngine> engine)
      : path_(std::move(path)),
        expression_(std::move(expression)),
        limits_(limits),
        engine_(std::move(engine)) {}

  size_t Run(const Batch& records, size_t first, size_t max_bytes, Batch& results,
             std::vector<ScriptFailure>& failures) override {
    results_ = &results;
    failures_ = &failures;
    const size_t before = results.bytes.size();
    full_at_ = before + std::min(max_bytes, std::numeric_limits<size_t>::max() - before);
    size_t next = first;
    do {
      size_t end = next + 1;
      while (end < records.rows() && end - next < kMaxSliceRecords &&
             records.row_ends[end] - records.start(next) <= kMaxSliceBytes) {
        ++end;
      }
      next = RunSlice(records, next, end);
    } while (next < records.rows() && !IsFull());
    return next;
  }

 private:
  bool IsFull() const { return results_->bytes.size() >= full_at_; }

  // Runs records of [begin, end) until the results are full; returns the first one not processed.
  size_t RunSlice(const Batch& records, size_t begin, size_t end) {
    if (engine_ != nullptr && engine_->IsMemoryExceeded()) Reload("it keeps too much memory");
    JoinRecords(records, begin, end);
    bool loaded = true;        // the engine has not seen the array yet
    size_t tried_alone = end;  // the first record given to a newly loaded engine
    size_t next = begin;
    while (next < end && !(IsFull() && next > begin)) {
      if (engine_ == nullptr) return FailAll(next, end);
      lines_.clear();
      const ScriptEngine::Stop stop = loaded ? engine_->Run(array_.view(), next - begin, lines_)
                                             : engine_->Continue(next - begin, lines_);
      loaded = false;
      TakeLines(next);
      if (stop == ScriptEngine::Stop::kNone) {
        next = begin + engine_->next();
        continue;
      }
      if (stop == ScriptEngine::Stop::kError) return RunAlone(records, next, end, end - begin);
      next = begin + std::min(engine_->current(), end - begin - 1);
      if (stop == ScriptEngine::Stop::kTime || tried_alone == next) FailStopped(next++, stop);
      if (stop == ScriptEngine::Stop::kMemory) {
        Reload("it took too much memory");
        loaded = true;
        tried_alone = next;
      }
    }
    return next;
  }

  // JavaScript cannot parse the array of `joined` records of which [begin, end) are the rest.
  size_t RunAlone(const Batch& records, size_t begin, size_t end, size_t joined) {
    if (joined == 1) {
      Fail(begin, "transform_exception", "JavaScript cannot read the event as JSON");
      return end;
    }
    do {
      RunSlice(records, begin, begin + 1);
    } while (++begin < end && !IsFull());
    return begin;
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

  // Handles the outcome of the records from `record` on.
  void TakeLines(size_t record) {
    size_t rows_before = results_->rows();
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
      } else if (line.starts_with('>')) {
        FailTooLarge(record);
      } else {
        // UTF-8 text may be up to three times as long as the same text in JavaScript.
        if (results_->bytes.size() - results_->start(rows_before) > limits_.result_bytes) {
          results_->KeepRows(rows_before);
          FailTooLarge(record);
        }
        rows_before = results_->rows();
        ++record;
      }
    }
    if (lines_.capacity() > kMaxKeptBytes) lines_ = ByteBuffer();
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
  }

  void FailTooLarge(size_t record) {
    Fail(record, "transform_output_too_large",
         StrCat("the transform returned more than ", limits_.results, " events or ",
                limits_.result_bytes >> 20,
                " MB for one row: split the row before the import, or "
                "return less"));
  }

  void Reload(std::string_view why) {
    Log(Severity::kWarning, "transform reloaded; its variables are lost",
        {{"transform", path_}, {"reason", why}});
    engine_.reset();  // before the next: never two heaps at once
    absl::StatusOr<std::unique_ptr<ScriptEngine>> engine =
        ScriptEngine::Make(path_, expression_, limits_);
    if (engine.ok()) engine_ = *std::move(engine);
  }

  void Fail(size_t record, std::string_view code, std::string message) {
    failures_->push_back({record, std::string(code), std::move(message)});
  }

  size_t FailAll(size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      Fail(i, "transform_exception", "the transform could not be reloaded");
    }
    return end;
  }

  const std::string path_;
  const std::string expression_;
  const ScriptLimits limits_;
  std::unique_ptr<ScriptEngine> engine_;  // null if it could not be loaded again
  ByteBuffer array_;
  ByteBuffer lines_;
  Batch* results_ = nullptr;
  size_t full_at_ = 0;  // bytes of *results_
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
