#include "base/log.h"

namespace millrace {
namespace {

std::string Logged(LogFormat format, std::string_view message, const LogField& field) {
  SetLogFormat(format);
  testing::internal::CaptureStderr();
  Log(Severity::kWarning, message, {field});
  const std::string line = testing::internal::GetCapturedStderr();
  SetLogFormat(LogFormat::kJson);
  return line;
}

TEST(Log, ALineOnATerminalHasNoControlCharacterBeforeItsEnd) {
  EXPECT_EQ(Logged(LogFormat::kText, "left out\x1b[2J", {"object", "/a/\x1b]0;title\x07.csv"}),
            "WARNING left out?[2J object=/a/?]0;title?.csv\n");
  EXPECT_EQ(Logged(LogFormat::kText, "left out", {"object", "two\nlines \xC2\x9B"}),
            "WARNING left out object=\"two\\nlines ??\"\n");
}

TEST(Log, AJsonLineKeepsTheTextEscaped) {
  const std::string line = Logged(LogFormat::kJson, "left out", {"object", "a\x1b\nb"});
  EXPECT_NE(line.find("\"object\":\"a\\u001b\\nb\"}\n"), std::string::npos) << line;
}

}  // namespace
}  // namespace millrace
