#include "script/script_source.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr std::string_view kHead = "(function (module, exports) { ";
constexpr std::string_view kTail =
    "\n;return [module.exports, typeof transform === 'function' ? transform : undefined]; })";

bool IsWordChar(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$';
}

size_t WordEnd(std::string_view text, size_t at) {
  while (at < text.size() && IsWordChar(text[at])) ++at;
  return at;
}

size_t SkipSpace(std::string_view text, size_t at) {
  while (at < text.size() && absl::ascii_isspace(static_cast<unsigned char>(text[at]))) ++at;
  return at;
}

// The position after the comment or quoted string that begins at `at`; `at` itself if none does.
// Strings end with their line at the latest, so that the quote in a regular expression does no
// harm.
size_t SkipUnread(std::string_view text, size_t at) {
  const auto behind = [&](size_t end, size_t length) {
    return end == std::string_view::npos ? text.size() : end + length;
  };
  if (text.substr(at).starts_with("//")) return behind(text.find('\n', at), 0);
  if (text.substr(at).starts_with("/*")) return behind(text.find("*/", at + 2), 2);
  const char quote = text[at];
  if (quote != '"' && quote != '\'') return at;
  for (size_t i = at + 1; i < text.size() && text[i] != '\n'; ++i) {
    if (text[i] == quote) return i + 1;
    if (text[i] == '\\') ++i;
  }
  return at + 1;
}

// Rewrites "export default", which ends before `at`: a function stays a declaration, so that it can
// be called earlier and by its name; anything else is an expression.
std::string ExportAs(std::string_view text, size_t& at) {
  at = SkipSpace(text, at);
  const size_t end = WordEnd(text, at);
  if (text.substr(at, end - at) != "function") return "module.exports = ";
  const size_t name = SkipSpace(text, end);
  const size_t name_end = WordEnd(text, name);
  at = name_end;
  if (name == name_end) return "function transform";
  const std::string_view word = text.substr(name, name_end - name);
  return StrCat("module.exports = ", word, "; function ", word);
}

// Whether the word "async" before `next` makes a function async: it may also be a property's name.
bool BeginsFunction(std::string_view text, size_t next) {
  return next < text.size() && (IsWordChar(text[next]) || text[next] == '(' || text[next] == '*');
}

// The text with "export default" rewritten.
absl::StatusOr<std::string> Rewrite(std::string_view text) {
  std::string rewritten;
  size_t copied = 0;
  size_t at = 0;
  while (at < text.size()) {
    if (const size_t behind = SkipUnread(text, at); behind != at) {
      at = behind;
      continue;
    }
    const size_t end = WordEnd(text, at);
    if (end == at) {
      ++at;
      continue;
    }
    const std::string_view word = text.substr(at, end - at);
    const bool member = at > 0 && text[at - 1] == '.';
    const size_t next = SkipSpace(text, end);
    if (word == "async" && !member && BeginsFunction(text, next)) {
      const auto line =
          1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(at), '\n');
      return absl::InvalidArgumentError(
          StrCat("line ", line, ": a transform cannot be async: it must return the event itself"));
    }
    if (word == "export" && !member && text.substr(next, WordEnd(text, next) - next) == "default") {
      rewritten.append(text.substr(copied, at - copied));
      const size_t begin = at;
      at = WordEnd(text, next);
      rewritten.append(ExportAs(text, at));
      rewritten.append(
          static_cast<size_t>(std::count(text.begin() + static_cast<ptrdiff_t>(begin),
                                         text.begin() + static_cast<ptrdiff_t>(at), '\n')),
          '\n');
      copied = at;
      continue;
    }
    at = end;
  }
  rewritten.append(text.substr(copied));
  return rewritten;
}

}  // namespace

absl::StatusOr<std::string> ModuleExpression(std::string_view text) {
  absl::StatusOr<std::string> rewritten = Rewrite(text);
  if (!rewritten.ok()) return rewritten.status();
  return StrCat(kHead, *rewritten, kTail);
}

}  // namespace millrace
