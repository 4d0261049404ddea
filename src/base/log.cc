#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/json_writer.h"
#include "base/printable.h"
#include "base/redact.h"
#include "base/strings.h"

namespace millrace {
namespace {

std::atomic<LogFormat> g_format{isatty(STDERR_FILENO) ? LogFormat::kText : LogFormat::kJson};
std::atomic<Severity> g_min{Severity::kInfo};

std::string_view Name(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return "DEBUG";
    case Severity::kInfo:
      return "INFO";
    case Severity::kWarning:
      return "WARNING";
    case Severity::kError:
      return "ERROR";
  }
  return "INFO";
}

}  // namespace

void SetLogFormat(LogFormat format) { g_format = format; }
void SetLogLevel(Severity min) { g_min = min; }

void Log(Severity severity, std::string_view message, std::initializer_list<LogField> fields) {
  Log(severity, message, absl::MakeConstSpan(fields.begin(), fields.size()));
}

void Log(Severity severity, std::string_view message, absl::Span<const LogField> fields) {
  if (severity < g_min.load()) return;
  std::string line;
  if (g_format.load() == LogFormat::kText) {
    StrAppend(&line, Name(severity), " ", RedactSecrets(message));
    for (const LogField& field : fields) {
      StrAppend(&line, " ", field.key, "=");
      const std::string value = RedactSecrets(field.value);
      if (field.is_text && value.find_first_of(" \"\n\t") != std::string::npos) {
        AppendJsonString(line, value);
      } else {
        line += value;
      }
    }
    line = Printable(line);
  } else {
    StrAppend(&line, "{\"severity\":\"", Name(severity), "\",\"time\":\"",
              absl::FormatTime(absl::RFC3339_full, absl::Now(), absl::UTCTimeZone()),
              "\",\"message\":");
    AppendJsonString(line, RedactSecrets(message));
    for (const LogField& field : fields) {
      line += ',';
      AppendJsonString(line, field.key);
      line += ':';
      if (field.is_text) {
        AppendJsonString(line, RedactSecrets(field.value));
      } else {
        line += field.value;
      }
    }
    line += '}';
  }
  line += '\n';
  static absl::Mutex mutex;
  absl::MutexLock lock(&mutex);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace millrace
