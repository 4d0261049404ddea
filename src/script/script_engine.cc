#include <fcntl.h>
#include <jsc/jsc.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <ctime>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "script/script_engine_internal.h"
#include "script/script_harness.h"
#include "script/utf16.h"

// Exported by JavaScriptCore, declared in its private headers only.
extern "C" {
typedef bool (*JSShouldTerminateCallback)(JSContextRef context, void* data);
void JSContextGroupSetExecutionTimeLimit(JSContextGroupRef group, double seconds,
                                         JSShouldTerminateCallback callback, void* data);
JSObjectRef JSGetMemoryUsageStatistics(JSContextRef context);
void JSSynchronousGarbageCollectForDebugging(JSContextRef context);
}

namespace millrace {
namespace {

constexpr double kSliceSeconds = 0.01;
constexpr std::chrono::milliseconds kMinLookInterval(5);
// Measuring the heap takes time in proportion to its size, so the process's memory is watched, and
// the heap is measured only when that has grown by this much.
constexpr size_t kGrowthBytes = 32 << 20;
constexpr size_t kMaxLogBytes = 2000;
constexpr int32_t kLoading = -1;
// The result of one harness call is copied several times, so it is limited to about this much.
constexpr double kCallChars = 1 << 20;

double ToDouble(size_t n) { return static_cast<double>(n); }

// Owns a JSStringRef.
class JsString {
 public:
  explicit JsString(JSStringRef string) : string_(string) {}
  explicit JsString(std::string_view ascii_or_utf8, std::vector<char16_t>& scratch) {
    ToUtf16(ascii_or_utf8, scratch);
    string_ = JSStringCreateWithCharacters(reinterpret_cast<const JSChar*>(scratch.data()),
                                           scratch.size());
  }
  ~JsString() {
    if (string_ != nullptr) JSStringRelease(string_);
  }
  JsString(const JsString&) = delete;
  JsString& operator=(const JsString&) = delete;

  JSStringRef get() const { return string_; }
  void AppendTo(ByteBuffer& out) const {
    if (string_ == nullptr) return;
    AppendUtf8(reinterpret_cast<const char16_t*>(JSStringGetCharactersPtr(string_)),
               JSStringGetLength(string_), out);
  }

 private:
  JSStringRef string_;
};

// Options apply to the process, and must be set before its first script is loaded.
void SetEngineOptions() {
  static const bool set = [] {
    // Scripts check by themselves whether they must stop. The alternative, signals and breakpoints,
    // is slightly cheaper, and occasionally leaves a script running forever.
    const bool polling = jsc_options_set_boolean("usePollingTraps", TRUE) != FALSE;
    return polling && jsc_options_set_boolean("useWasmFaultSignalHandler", FALSE) != FALSE;
  }();
  if (!set) Log(Severity::kWarning, "JavaScriptCore does not recognize its options");
}

double ThreadCpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// Of the process, in bytes; 0 if the system does not report it.
size_t ResidentBytes() {
  const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[128];
  const ssize_t size = ::read(file, text, sizeof(text));
  ::close(file);
  const std::string_view fields(text, size > 0 ? static_cast<size_t>(size) : 0);
  const size_t blank = fields.find(' ');
  if (blank == std::string_view::npos) return 0;
  size_t pages = 0;
  std::from_chars(fields.data() + blank + 1, fields.data() + fields.size(), pages);
  return pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ScriptEngine>> ScriptEngine::Make(const std::string& path,
                                                                 std::string_view expression,
                                                                 const ScriptLimits& limits) {
  SetEngineOptions();
  std::unique_ptr<ScriptEngine> engine(new ScriptEngine(limits));
  if (const absl::Status status = engine->Load(path, expression); !status.ok()) return status;
  return engine;
}

ScriptEngine::ScriptEngine(const ScriptLimits& limits)
    : limits_(limits), group_(JSContextGroupCreate()) {
  JSContextGroupSetExecutionTimeLimit(group_, kSliceSeconds, &SliceCallback, this);
  context_ = JSGlobalContextCreateInGroup(group_, nullptr);
  resident_at_check_ = ResidentBytes();
}

ScriptEngine::~ScriptEngine() {
  JSGlobalContextRelease(context_);
  JSContextGroupRelease(group_);
}

absl::Status ScriptEngine::Load(const std::string& path, std::string_view expression) {
  progress_[0] = kLoading;
  absl::StatusOr<JSValueRef> module = Evaluate(expression, path);
  if (!module.ok()) return module.status();
  JSValueProtect(context_, *module);
  const absl::StatusOr<JSValueRef> prelude = Evaluate(kScriptPrelude, "prelude");
  if (!prelude.ok()) return prelude.status();
  const absl::StatusOr<JSValueRef> harness = Evaluate(kScriptHarness, "harness");
  if (!harness.ok()) return harness.status();

  JSValueRef exception = nullptr;
  JSObjectCallAsFunction(context_, JSValueToObject(context_, *prelude, nullptr), nullptr, 0,
                         nullptr, &exception);
  if (exception != nullptr) return ExceptionStatus(exception, path);
  const JsString url(path, utf16_);
  const JSValueRef arguments[] = {*module,
                                  JSValueMakeString(context_, url.get()),
                                  JSObjectMakeFunctionWithCallback(context_, nullptr, &LogCallback),
                                  MakeProgress(),
                                  JSValueMakeNumber(context_, kCallChars),
                                  JSValueMakeNumber(context_, ToDouble(limits_.result_bytes)),
                                  JSValueMakeNumber(context_, ToDouble(limits_.results))};
  const JSValueRef functions = JSObjectCallAsFunction(
      context_, JSValueToObject(context_, *harness, nullptr), nullptr, 7, arguments, &exception);
  if (exception != nullptr) return ExceptionStatus(exception, path);
  const JSObjectRef list = JSValueToObject(context_, functions, nullptr);
  JSValueProtect(context_, list);
  run_ = JSValueToObject(context_, JSObjectGetPropertyAtIndex(context_, list, 0, nullptr), nullptr);
  taken_ =
      JSValueToObject(context_, JSObjectGetPropertyAtIndex(context_, list, 1, nullptr), nullptr);
  return absl::OkStatus();
}

// The script writes its progress to our memory, which costs it nothing.
JSObjectRef ScriptEngine::MakeProgress() {
  return JSObjectMakeTypedArrayWithBytesNoCopy(
      context_, kJSTypedArrayTypeInt32Array, progress_, sizeof(progress_), [](void*, void*) {},
      nullptr, nullptr);
}

absl::StatusOr<JSValueRef> ScriptEngine::Evaluate(std::string_view code, const std::string& url) {
  ++runs_;
  stop_ = Stop::kNone;
  const JsString text(code, utf16_);
  const JsString name(url, utf16_);
  JSValueRef exception = nullptr;
  const JSValueRef value =
      JSEvaluateScript(context_, text.get(), nullptr, name.get(), 1, &exception);
  if (exception != nullptr) return ExceptionStatus(exception, url);
  return value;
}

absl::Status ScriptEngine::ExceptionStatus(JSValueRef exception, const std::string& url) {
  if (stop_ != Stop::kNone) {
    return absl::InvalidArgumentError(
        StrCat(url, ": loading it took too ", stop_ == Stop::kTime ? "long" : "much memory"));
  }
  ByteBuffer message;
  AppendString(exception, message);
  std::string text = Shorten(message.view(), 1000);
  if (JSValueIsObject(context_, exception)) {
    const JSObjectRef object = JSValueToObject(context_, exception, nullptr);
    const double line = Property(object, "line");
    const double column = Property(object, "column");
    ByteBuffer source;
    const JsString key("sourceURL", utf16_);
    AppendString(JSObjectGetProperty(context_, object, key.get(), nullptr), source);
    if (line >= 1 && source.view() == url) {
      std::string place = StrCat(url, ":", static_cast<int64_t>(line));
      if (column >= 1) StrAppend(&place, ":", static_cast<int64_t>(column));
      return absl::InvalidArgumentError(StrCat(place, ": ", text));
    }
  }
  return absl::InvalidArgumentError(StrCat(url, ": ", text));
}

ScriptEngine::Stop ScriptEngine::Run(std::string_view records, size_t first, ByteBuffer& lines) {
  const JsString text(records, utf16_);
  return Call(JSValueMakeString(context_, text.get()), first, lines);
}

ScriptEngine::Stop ScriptEngine::Continue(size_t first, ByteBuffer& lines) {
  return Call(JSValueMakeNull(context_), first, lines);
}

ScriptEngine::Stop ScriptEngine::Call(JSValueRef records, size_t first, ByteBuffer& lines) {
  ++runs_;
  stop_ = Stop::kNone;
  progress_[0] = static_cast<int32_t>(first);
  const JSValueRef arguments[] = {records, JSValueMakeNumber(context_, ToDouble(first))};
  JSValueRef exception = nullptr;
  const JSValueRef result =
      JSObjectCallAsFunction(context_, run_, nullptr, 2, arguments, &exception);
  if (exception == nullptr) {
    AppendString(result, lines);
    return Stop::kNone;
  }
  if (stop_ == Stop::kNone) return Stop::kError;
  const Stop stop = std::exchange(stop_, Stop::kNone);
  exception = nullptr;
  const JSValueRef taken =
      JSObjectCallAsFunction(context_, taken_, nullptr, 0, nullptr, &exception);
  if (exception == nullptr) AppendString(taken, lines);
  return stop;
}

void ScriptEngine::AppendString(JSValueRef value, ByteBuffer& out) {
  const JsString string(JSValueToStringCopy(context_, value, nullptr));
  string.AppendTo(out);
}

double ScriptEngine::Property(JSObjectRef object, const char* name) {
  const JsString key(name, utf16_);
  const JSValueRef value = JSObjectGetProperty(context_, object, key.get(), nullptr);
  return value == nullptr ? 0 : JSValueToNumber(context_, value, nullptr);
}

size_t ScriptEngine::HeapBytes() {
  const double bytes = Property(JSGetMemoryUsageStatistics(context_), "heapSize");
  return bytes > 0 ? static_cast<size_t>(bytes) : 0;
}

bool ScriptEngine::HasGrown() {
  const size_t resident = ResidentBytes();
  if (resident < resident_at_check_) resident_at_check_ = resident;
  if (resident - resident_at_check_ < kGrowthBytes) return false;
  resident_at_check_ = resident;
  return true;
}

bool ScriptEngine::IsMemoryExceeded() {
  if (!HasGrown() || HeapBytes() <= limits_.memory) return false;
  JSSynchronousGarbageCollectForDebugging(context_);
  return HeapBytes() > limits_.memory;
}

// Called while the script runs, after each slice of CPU time. Returning true stops it.
bool ScriptEngine::OnSlice() {
  // The engine calls far more often than requested; measuring the memory is a system call.
  const auto wall = std::chrono::steady_clock::now();
  if (wall - last_look_ < kMinLookInterval) return false;
  last_look_ = wall;
  const double now = ThreadCpuSeconds();
  if (seen_run_ != runs_ || seen_progress_ != progress_[0]) {
    seen_run_ = runs_;
    seen_progress_ = progress_[0];
    seen_since_ = now - kSliceSeconds;
  } else if (now - seen_since_ >= absl::ToDoubleSeconds(limits_.time_per_record)) {
    stop_ = Stop::kTime;
  }
  if (HasGrown() && HeapBytes() > limits_.memory) stop_ = Stop::kMemory;
  return stop_ != Stop::kNone;
}

bool ScriptEngine::SliceCallback(JSContextRef /*context*/, void* data) {
  auto& engine = *static_cast<ScriptEngine*>(data);
  // The engine does not start another slice by itself.
  JSContextGroupSetExecutionTimeLimit(engine.group_, kSliceSeconds, &SliceCallback, data);
  return engine.OnSlice();
}

JSValueRef ScriptEngine::LogCallback(JSContextRef context, JSObjectRef /*function*/,
                                     JSObjectRef /*self*/, size_t count,
                                     const JSValueRef* arguments, JSValueRef* /*exception*/) {
  if (count > 0) {
    ByteBuffer line;
    const JsString text(JSValueToStringCopy(context, arguments[0], nullptr));
    text.AppendTo(line);
    Log(Severity::kDebug, Shorten(line.view(), kMaxLogBytes), {{"source", "transform"}});
  }
  return JSValueMakeUndefined(context);
}

}  // namespace millrace
