#include "init/file_names.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/strings.h"
#include "init/name_hints.h"

namespace millrace {
namespace {

// The last segment of `uri`, and the part before it, with its slash.
std::pair<std::string_view, std::string_view> SplitUri(std::string_view uri) {
  const size_t slash = uri.rfind('/');
  if (slash == std::string_view::npos) return {"", uri};
  return {uri.substr(0, slash + 1), uri.substr(slash + 1)};
}

// "a.ndjson.gz" -> {"a", ".ndjson.gz"}; a name that begins with a dot keeps it.
std::pair<std::string_view, std::string_view> SplitExtensions(std::string_view name) {
  const size_t dot = name.find('.', 1);
  if (dot == std::string_view::npos) return {name, ""};
  // A dot between digits ("v1.2") does not start an extension.
  if (dot + 1 < name.size() && absl::ascii_isdigit(name[dot + 1])) {
    const size_t next = name.find('.', dot + 1);
    if (next == std::string_view::npos) return {name, ""};
    return {name.substr(0, next), name.substr(next)};
  }
  return {name.substr(0, dot), name.substr(dot)};
}

// The words of a name, without dates, numbers, ids and parts that writers generate
// ("part-00000-c000").
std::string TellingWords(std::string_view name) {
  static constexpr std::string_view kEmpty[] = {"part",   "data",  "export", "file",
                                                "chunk",  "shard", "output", "run",
                                                "snappy", "zstd",  "gzip"};
  std::string telling;
  const std::string words = WordsOf(name);
  for (size_t begin = 0; begin < words.size();) {
    const size_t end = std::min(words.find_first_of("_.", begin), words.size());
    const std::string_view word = std::string_view(words).substr(begin, end - begin);
    const bool has_digit = std::any_of(word.begin(), word.end(), absl::ascii_isdigit);
    const bool empty = std::find(std::begin(kEmpty), std::end(kEmpty), word) != std::end(kEmpty);
    if (!word.empty() && !has_digit && !empty) {
      StrAppend(&telling, telling.empty() ? "" : "_", word);
    }
    begin = end + 1;
  }
  return telling;
}

// The common part of similar files: the beginning of the name up to a date or number, and the
// extensions.
struct Look {
  std::string_view beginning;
  std::string_view extensions;
  friend bool operator==(const Look&, const Look&) = default;
};

Look LookOf(std::string_view uri) {
  const auto [stem, extensions] = SplitExtensions(SplitUri(uri).second);
  const auto digit = std::find_if(stem.begin(), stem.end(), absl::ascii_isdigit);
  return {stem.substr(0, static_cast<size_t>(digit - stem.begin())), extensions};
}

}  // namespace

std::string NameFromUri(std::string_view uri) {
  auto [folder, name] = SplitUri(uri);
  std::string telling = TellingWords(SplitExtensions(name).first);
  // Partition folders ("dt=2024-01-01") say nothing about the content.
  while (telling.empty() && folder.size() > 1) {
    folder.remove_suffix(1);
    std::tie(folder, name) = SplitUri(folder);
    if (name.find('=') == std::string_view::npos && name.find(':') == std::string_view::npos) {
      telling = TellingWords(name);
    }
  }
  return telling.empty() ? "event" : telling;
}

std::string_view DatasetFolder(std::string_view uri) {
  std::string_view folder = SplitUri(uri).first;
  while (folder.size() > 1) {
    const auto [above, name] = SplitUri(folder.substr(0, folder.size() - 1));
    if (above.empty() || name.find('=') == std::string_view::npos) break;
    folder = above;
  }
  return folder;
}

std::string PrefixFor(std::string_view uri, const std::vector<std::string>& siblings) {
  const Look look = LookOf(uri);
  const auto alike_below = [&](std::string_view beginning) {
    return std::all_of(siblings.begin(), siblings.end(), [&](const std::string& other) {
      return !other.starts_with(beginning) || LookOf(other) == look;
    });
  };
  const std::string_view folder = SplitUri(uri).first;
  for (const std::string_view whole : {DatasetFolder(uri), folder}) {
    if (alike_below(whole)) return std::string(whole);
  }
  const std::string beginning = StrCat(folder, look.beginning);
  if (!look.beginning.empty() && alike_below(beginning)) return beginning;
  return std::string(uri);
}

}  // namespace millrace
