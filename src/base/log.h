// Logging: one line per event on stderr, `level message key=value ...` on a terminal, one JSON
// object with `severity`, `message` and the fields elsewhere (or as SetLogFormat says).
// Thread-safe.
#ifndef MILLRACE_BASE_LOG_H_
#define MILLRACE_BASE_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace millrace {

enum class Severity { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

// One key=value of a log line. Never give it a secret.
struct LogField {
  LogField(std::string_view key, std::string_view value) : key(key), value(value), is_text(true) {}
  LogField(std::string_view key, const char* value) : LogField(key, std::string_view(value)) {}
  LogField(std::string_view key, const std::string& value)
      : LogField(key, std::string_view(value)) {}
  LogField(std::string_view key, uint64_t value) : key(key), value(std::to_string(value)) {}
  LogField(std::string_view key, int64_t value) : key(key), value(std::to_string(value)) {}
  LogField(std::string_view key, int value) : LogField(key, static_cast<int64_t>(value)) {}
  LogField(std::string_view key, double value) : key(key), value(std::to_string(value)) {}
  LogField(std::string_view key, bool value) : key(key), value(value ? "true" : "false") {}

  std::string_view key;
  std::string value;
  bool is_text = false;
};

void SetLogFormat(LogFormat format);
void SetLogLevel(Severity min);

void Log(Severity severity, std::string_view message, std::initializer_list<LogField> fields = {});
void Log(Severity severity, std::string_view message, absl::Span<const LogField> fields);

}  // namespace millrace

#endif  // MILLRACE_BASE_LOG_H_
