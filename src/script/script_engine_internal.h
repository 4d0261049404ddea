// A JavaScriptCore heap with the user's function loaded.
#ifndef MILLRACE_SCRIPT_SCRIPT_ENGINE_INTERNAL_H_
#define MILLRACE_SCRIPT_SCRIPT_ENGINE_INTERNAL_H_

#include <JavaScriptCore/JavaScript.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/byte_buffer.h"
#include "script/script.h"

namespace millrace {

// One thread at a time; not movable.
class ScriptEngine {
 public:
  // `expression` is the result of ModuleExpression() for the file `path`.
  static absl::StatusOr<std::unique_ptr<ScriptEngine>> Make(const std::string& path,
                                                            std::string_view expression,
                                                            const ScriptLimits& limits);
  ~ScriptEngine();
  ScriptEngine(const ScriptEngine&) = delete;
  ScriptEngine& operator=(const ScriptEngine&) = delete;

  enum class Stop { kNone, kError, kTime, kMemory };

  // Calls the function with the elements of the JSON array `records` from `first` on. Appends the
  // outcomes to `lines`, in the form of kScriptHarness. kNone: next() is the first element that is
  // not processed, because `lines` is large enough; call Continue() for the others. kTime and
  // kMemory: the element current() was stopped, and `lines` ends before it. kError: `records`
  // cannot be parsed.
  Stop Run(std::string_view records, size_t first, ByteBuffer& lines);
  // The same with the array of the last Run().
  Stop Continue(size_t first, ByteBuffer& lines);

  size_t current() const { return static_cast<size_t>(progress_[0]); }
  size_t next() const { return static_cast<size_t>(progress_[1]); }

  // Whether the heap, without garbage, is larger than the limits allow.
  bool IsMemoryExceeded();

 private:
  explicit ScriptEngine(const ScriptLimits& limits);
  absl::Status Load(const std::string& path, std::string_view expression);
  absl::StatusOr<JSValueRef> Evaluate(std::string_view code, const std::string& url);
  absl::Status ExceptionStatus(JSValueRef exception, const std::string& url);
  JSObjectRef MakeProgress();
  Stop Call(JSValueRef records, size_t first, ByteBuffer& lines);
  void AppendString(JSValueRef value, ByteBuffer& out);
  double Property(JSObjectRef object, const char* name);
  size_t HeapBytes();
  // True if the process has grown much since the heap was measured.
  bool HasGrown();
  bool OnSlice();

  static bool SliceCallback(JSContextRef context, void* engine);
  static JSValueRef LogCallback(JSContextRef context, JSObjectRef function, JSObjectRef self,
                                size_t count, const JSValueRef* arguments, JSValueRef* exception);

  const ScriptLimits limits_;
  JSContextGroupRef group_ = nullptr;
  JSGlobalContextRef context_ = nullptr;
  JSObjectRef run_ = nullptr;
  JSObjectRef taken_ = nullptr;
  std::vector<char16_t> utf16_;

  // Written by the script: the index of the current element, and of the next one when it returns.
  int32_t progress_[2] = {0, 0};
  uint64_t runs_ = 0;
  // The element of the last time slice, and when it was first seen (CPU seconds).
  uint64_t seen_run_ = 0;
  int32_t seen_progress_ = 0;
  double seen_since_ = 0;
  std::chrono::steady_clock::time_point last_look_;
  Stop stop_ = Stop::kNone;
  size_t resident_at_check_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_SCRIPT_SCRIPT_ENGINE_INTERNAL_H_
