#include "base/redact.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/strings.h"

namespace millrace {
namespace {

using Spans = std::vector<std::pair<size_t, size_t>>;

constexpr std::string_view kEndsUri = " \t\n\r\"'<>`";
constexpr std::string_view kSecretNames[] = {"password",
                                             "passwd",
                                             "pwd",
                                             "sslpassword",
                                             "passphrase",
                                             "secret",
                                             "client_secret",
                                             "api_secret",
                                             "token",
                                             "access_token",
                                             "api_key",
                                             "apikey",
                                             "key",
                                             "sig",
                                             "signature",
                                             "x-amz-signature",
                                             "x-amz-security-token",
                                             "x-goog-signature"};

bool IsDigits(std::string_view text) {
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

// For `uri`, which begins after "://" at `at` of the whole text. In a well-formed URI a password
// ends at the '@' before the first '/'. Users also paste passwords with a bare '/': it is better to
// hide too much than too little.
void FindUserInfo(std::string_view uri, size_t at, Spans& spans) {
  const std::string_view head = uri.substr(0, uri.find_first_of("?#"));
  const std::string_view authority = head.substr(0, head.find('/'));
  const size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;  // of IPv6
  const size_t colon = authority.find(':', bracket);
  if (colon == std::string_view::npos) return;
  size_t end = head.rfind('@');
  // One that has '?' or '#' in it; or else there is a port and no password.
  if (end == std::string_view::npos && !IsDigits(authority.substr(colon + 1))) end = uri.rfind('@');
  if (end == std::string_view::npos || end <= colon) return;
  spans.emplace_back(at + colon + 1, end - colon - 1);
}

void FindParameters(std::string_view uri, size_t at, Spans& spans) {
  for (size_t i = uri.find_first_of("?#&"); i != std::string_view::npos;) {
    const size_t end = std::min(uri.find_first_of("?#&", i + 1), uri.size());
    const std::string_view parameter = uri.substr(i + 1, end - i - 1);
    const size_t equals = parameter.find('=');
    const std::string_view name = parameter.substr(0, equals);
    const bool secret =
        equals != std::string_view::npos &&
        std::any_of(std::begin(kSecretNames), std::end(kSecretNames), [&](std::string_view known) {
          return absl::EqualsIgnoreCase(ToAbsl(name), ToAbsl(known));
        });
    if (secret) spans.emplace_back(at + i + 1 + equals + 1, parameter.size() - equals - 1);
    i = end < uri.size() ? end : std::string_view::npos;
  }
}

void FindUris(std::string_view text, Spans& spans) {
  constexpr std::string_view kMark = "://";
  for (size_t mark = text.find(kMark); mark != std::string_view::npos;) {
    const size_t at = mark + kMark.size();
    const size_t end = std::min(text.find_first_of(kEndsUri, at), text.size());
    const std::string_view uri = text.substr(at, end - at);
    FindUserInfo(uri, at, spans);
    FindParameters(uri, at, spans);
    mark = text.find(kMark, end);
  }
}

// password = value, password='a value' (with \' and \\ in it).
void FindKeywords(std::string_view text, Spans& spans) {
  constexpr std::string_view kWord = "password";
  for (size_t at = text.find(kWord); at != std::string_view::npos; at = text.find(kWord, at + 1)) {
    size_t value = at + kWord.size();
    while (value < text.size() && text[value] == ' ') ++value;
    if (value == text.size() || text[value] != '=') continue;
    ++value;
    while (value < text.size() && text[value] == ' ') ++value;
    const bool quoted = value < text.size() && text[value] == '\'';
    if (quoted) ++value;
    size_t end = value;
    while (end < text.size() &&
           (quoted ? text[end] != '\''
                   : !absl::ascii_isspace(static_cast<unsigned char>(text[end])) &&
                         text[end] != '&')) {
      end += text[end] == '\\' ? 2 : 1;
    }
    end = std::min(end, text.size());
    if (end > value) spans.emplace_back(value, end - value);
  }
}

}  // namespace

Spans FindSecrets(std::string_view text) {
  Spans found;
  FindUris(text, found);
  FindKeywords(text, found);
  std::sort(found.begin(), found.end());
  Spans spans;
  for (const auto& [begin, size] : found) {
    if (size == 0) continue;
    if (spans.empty() || begin >= spans.back().first + spans.back().second) {
      spans.emplace_back(begin, size);
    } else {
      auto& last = spans.back();
      last.second = std::max(last.second, begin + size - last.first);
    }
  }
  return spans;
}

std::string RedactSecrets(std::string_view text) {
  std::string redacted;
  size_t from = 0;
  for (const auto& [begin, size] : FindSecrets(text)) {
    redacted += text.substr(from, begin - from);
    redacted += "***";
    from = begin + size;
  }
  redacted += text.substr(from);
  return redacted;
}

}  // namespace millrace
