#include "watch/input_filter.h"

#include <algorithm>
#include <filesystem>

#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/http_server.h"

namespace millrace::watch {
namespace {

enum class Match { kNone, kNamed, kHidden };

Match MatchOf(const Glob& glob, std::string_view path) {
  Glob::State state = glob.Start();
  for (;;) {
    const size_t slash = path.find('/');
    const bool last = slash == std::string_view::npos;
    const std::string_view segment = path.substr(0, slash);
    const SegmentKind kind = last ? SegmentKind::kFile : SegmentKind::kFolder;
    if (glob.IsLeftOutAsHidden(state, segment, kind)) return Match::kHidden;
    state = glob.Advance(state, segment, kind);
    if (state.empty()) return Match::kNone;
    if (last) return glob.Accepts(state) ? Match::kNamed : Match::kNone;
    path.remove_prefix(slash + 1);
  }
}

absl::StatusOr<std::string> RealFolder(const std::string& folder) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(folder, error);
  if (error) return ErrnoStatus(error.value(), StrCat("watching ", folder));
  return real == "/" ? "/" : real.string() + "/";
}

absl::StatusOr<InputRoot> LocalRoot(const std::string& path) {
  InputRoot root{.pattern = "**", .local = true};
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    ASSIGN_OR_RETURN(root.folder, RealFolder(path));
    return root;
  }
  root.one_object = std::filesystem::exists(path, error);
  if (!root.one_object && !HasWildcard(path)) {
    return absl::NotFoundError(StrCat("watching ", path,
                                      ": there is no such file or folder; "
                                      "create the folder first, or name future files with a glob"));
  }
  const size_t first = root.one_object ? path.size() : path.find_first_of("*?[");
  const size_t slash = path.rfind('/', first);
  const size_t rest = slash == std::string::npos ? 0 : slash + 1;
  root.pattern = path.substr(rest);
  ASSIGN_OR_RETURN(root.folder, RealFolder(rest == 0 ? "." : path.substr(0, rest)));
  return root;
}

}  // namespace

absl::StatusOr<InputRoot> RootOf(std::string_view input) {
  static constexpr std::string_view kFile = "file://";
  if (input.starts_with(kFile)) {
    return LocalRoot(UrlDecode(input.substr(kFile.size()), /*plus_is_space=*/false));
  }
  const size_t scheme = input.find("://");
  if (scheme == std::string_view::npos) return LocalRoot(std::string(input));
  if (!HasWildcard(input)) {
    const std::string folder = input.ends_with('/') ? std::string(input) : StrCat(input, "/");
    return InputRoot{.folder = folder, .pattern = "**"};
  }
  const size_t slash = input.rfind('/', input.find_first_of("*?[", scheme + 3));
  return InputRoot{.folder = std::string(input.substr(0, slash + 1)),
                   .pattern = std::string(input.substr(slash + 1))};
}

InputFilter::InputFilter(const std::vector<InputRoot>& roots) {
  for (const InputRoot& root : roots) {
    std::string object;
    if (root.one_object) {
      object = root.folder + root.pattern;
    } else if (!root.local && root.pattern == "**") {
      object = root.folder.substr(0, root.folder.size() - 1);
    }
    rules_.push_back({root.folder, Glob(root.pattern), std::move(object), root.one_object});
  }
}

bool InputFilter::Names(std::string_view uri) const { return Matches(uri, /*hidden=*/false); }

bool InputFilter::Hides(std::string_view uri) const { return Matches(uri, /*hidden=*/true); }

bool InputFilter::Matches(std::string_view uri, bool hidden) const {
  if (uri.ends_with('/')) return false;  // a folder's placeholder
  const Match wanted = hidden ? Match::kHidden : Match::kNamed;
  if (rules_.empty()) {
    const size_t scheme = uri.find("://");
    const size_t bucket_end = scheme == std::string_view::npos ? 0 : uri.find('/', scheme + 3);
    static const Glob everything("**");
    return bucket_end != std::string_view::npos &&
           MatchOf(everything, uri.substr(bucket_end + 1)) == wanted;
  }
  return std::any_of(rules_.begin(), rules_.end(), [&](const Rule& rule) {
    if (!rule.object.empty() && uri == rule.object) return !hidden;
    if (rule.only_that) return false;
    return uri.starts_with(rule.folder) &&
           MatchOf(rule.glob, uri.substr(rule.folder.size())) == wanted;
  });
}

}  // namespace millrace::watch
