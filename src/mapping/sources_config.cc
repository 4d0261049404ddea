#include "mapping/sources_config.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/config_reader.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"
#include "mapping/entry_parser.h"
#include "mapping/fingerprint.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFileScheme = "file://";

bool HasScheme(std::string_view uri) { return uri.find("://") != std::string_view::npos; }

constexpr std::string_view kIcebergScheme = "iceberg:";

std::string_view WithoutFileScheme(std::string_view uri) {
  if (uri.starts_with(kIcebergScheme)) uri.remove_prefix(kIcebergScheme.size());
  return uri.starts_with(kFileScheme) ? uri.substr(kFileScheme.size()) : uri;
}

// `path` (absolute) with the links and ".." in its existing folders resolved, as listings name
// objects; empty if that fails. The last name, which may be the beginning of a name, stays
// unchanged.
std::string WithRealFolders(const fs::path& path) {
  std::error_code error;
  const fs::path folder = fs::weakly_canonical(path.parent_path(), error);
  return error ? "" : (folder / path.filename()).string();
}

// The prefixes of names of local objects that match the prefix `path` (absolute): as written, and
// as listings name its target.
std::vector<std::string> LocalBeginnings(const fs::path& path) {
  std::vector<std::string> beginnings = {path.lexically_normal().string()};
  const auto add = [&](std::string beginning) {
    if (beginning.empty() || beginning == beginnings.front()) return;
    beginnings.push_back(std::move(beginning));
  };
  add(WithRealFolders(path));
  // A complete name may itself be a link to a folder.
  std::error_code error;
  if (path.has_filename() && fs::is_symlink(path, error) && fs::is_directory(path, error)) {
    const fs::path folder = fs::canonical(path, error);
    if (!error) add((folder / "").string());
  }
  return beginnings;
}

// The beginnings of URIs that match `prefix`.
std::vector<std::string> Beginnings(const std::string& given, const fs::path& folder) {
  const std::string prefix(WithoutFileScheme(given));
  if (prefix.empty() || HasScheme(prefix)) return {prefix};
  const fs::path path(prefix);
  if (path.is_absolute()) return LocalBeginnings(path);
  std::error_code ignored;
  std::vector<std::string> beginnings;
  for (const fs::path& base : {folder, fs::current_path(ignored)}) {
    for (std::string& one : LocalBeginnings(base / path)) beginnings.push_back(std::move(one));
  }
  return beginnings;
}

std::string ComparableUri(std::string_view uri) {
  const std::string text(WithoutFileScheme(uri));
  if (HasScheme(text)) return text;
  std::error_code error;
  const fs::path absolute = fs::absolute(text, error);
  return error ? text : absolute.lexically_normal().string();
}

void CheckUniqueIds(const std::vector<SourceConfig>& entries, ConfigProblems& problems) {
  std::map<std::string, size_t> first;
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string& id = entries[i].config_id;
    if (id.empty()) continue;
    const auto [found, is_new] = first.emplace(id, i + 1);
    if (is_new) continue;
    problems.Add(StrCat("entry #", i + 1), StrCat("config_id: \"", id, "\" is also used by entry #",
                                                  found->second, "; ids must be unique"));
  }
}

}  // namespace

absl::StatusOr<SourcesConfig> SourcesConfig::Parse(std::string_view json, const std::string& path) {
  ASSIGN_OR_RETURN(const nlohmann::json parsed, ParseConfigText(json, path));
  ConfigProblems problems;
  if (!parsed.is_array()) {
    problems.Add("", "must be a list of entries: [ { \"config_id\": ... }, ... ]");
    return problems.ToStatus(path);
  }
  if (parsed.empty()) problems.Add("", "has no entries");

  std::error_code ignored;
  const fs::path folder = fs::absolute(path, ignored).parent_path();
  std::vector<SourceConfig> entries;
  for (size_t i = 0; i < parsed.size(); ++i) {
    entries.push_back(ParseEntry((parsed)[i], i + 1, folder, problems));
  }
  CheckUniqueIds(entries, problems);
  RETURN_IF_ERROR(problems.ToStatus(path));

  SourcesConfig config;
  for (SourceConfig& entry : entries) {
    std::vector<std::string> beginnings = Beginnings(entry.source_prefix, folder);
    config.Add(std::move(entry), std::move(beginnings));
  }
  return config;
}

absl::StatusOr<SourcesConfig> SourcesConfig::Load(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path));
  return Parse(text, path);
}

SourcesConfig SourcesConfig::MixpanelFormat() {
  SourceConfig entry;
  entry.config_id = "mixpanel_format";
  entry.mixpanel_format = true;
  entry.fingerprint = Fingerprint(entry, "");
  entry.fingerprint_parts = FingerprintParts(entry, "");
  SourcesConfig config;
  config.Add(std::move(entry), {""});
  return config;
}

void SourcesConfig::Add(SourceConfig entry, std::vector<std::string> beginnings) {
  const auto shared = std::make_shared<const SourceConfig>(std::move(entry));
  entries_.push_back(shared);
  for (std::string& beginning : beginnings) rules_.push_back({std::move(beginning), shared});
}

std::shared_ptr<const SourceConfig> SourcesConfig::Match(std::string_view uri) const {
  const std::string comparable = ComparableUri(uri);
  std::shared_ptr<const SourceConfig> entry = LongestMatch(comparable);
  if (entry != nullptr || HasScheme(comparable)) return entry;
  // A listing follows links below the folder where it begins, and names what it finds by them.
  const std::string real = WithRealFolders(comparable);
  return real.empty() || real == comparable ? nullptr : LongestMatch(real);
}

std::shared_ptr<const SourceConfig> SourcesConfig::LongestMatch(std::string_view uri) const {
  const Rule* longest = nullptr;
  for (const Rule& rule : rules_) {
    const bool longer = longest == nullptr || rule.beginning.size() > longest->beginning.size();
    if (longer && uri.starts_with(rule.beginning)) longest = &rule;
  }
  return longest == nullptr ? nullptr : longest->entry;
}

bool SourcesConfig::SaysTheSameAs(const SourcesConfig& other) const {
  return std::equal(entries_.begin(), entries_.end(), other.entries_.begin(), other.entries_.end(),
                    [](const auto& a, const auto& b) { return a->fingerprint == b->fingerprint; });
}

}  // namespace millrace
