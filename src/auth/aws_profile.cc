#include "auth/aws_profile.h"

#include "absl/strings/ascii.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"

namespace millrace {
namespace {

constexpr size_t kMaxFileBytes = 4 << 20;

std::string_view Strip(std::string_view text) {
  return ToStd(absl::StripAsciiWhitespace(ToAbsl(text)));
}

// "profile x" or "profile \"x y\"" -> "x" or "x y"; "" for sections that are not profiles.
std::string ProfileName(std::string_view section, bool is_config) {
  section = Strip(section);
  if (!is_config || section == "default") return std::string(section);
  constexpr std::string_view kProfile = "profile";
  if (!section.starts_with(kProfile)) return "";
  section.remove_prefix(kProfile.size());
  std::string_view name = Strip(section);
  const bool quoted =
      name.size() >= 2 && (name[0] == '"' || name[0] == '\'') && name.front() == name.back();
  if (quoted) return std::string(name.substr(1, name.size() - 2));
  return name.size() < section.size() ? std::string(name) : "";
}

std::string PathOf(const Environment& environment, std::string_view variable,
                   std::string_view name) {
  if (const auto path = environment(variable); path && !path->empty()) return *path;
  const auto home = environment("HOME");
  return home && !home->empty() ? StrCat(*home, "/.aws/", name) : "";
}

absl::Status AddFile(const std::string& path, bool is_config, AwsProfiles& profiles) {
  if (path.empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> text = ReadWholeFile(path, kMaxFileBytes);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  RETURN_IF_ERROR(text.status());
  AddAwsProfiles(*text, is_config, profiles);
  return absl::OkStatus();
}

}  // namespace

void AddAwsProfiles(std::string_view text, bool is_config, AwsProfiles& profiles) {
  AwsProfile* profile = nullptr;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::string_view bare = Strip(line);
    if (bare.empty() || bare[0] == '#' || bare[0] == ';') continue;
    if (bare[0] == '[') {
      const std::string name = ProfileName(bare.substr(1, bare.find(']') - 1), is_config);
      profile = name.empty() ? nullptr : &profiles[name];
      continue;
    }
    const size_t equals = bare.find('=');
    const bool nested = line[0] == ' ' || line[0] == '\t';
    if (profile == nullptr || nested || equals == std::string_view::npos) continue;
    std::string_view value = Strip(bare.substr(equals + 1));
    value = Strip(value.substr(0, value.find(" #")));
    profile->emplace(absl::AsciiStrToLower(ToAbsl(Strip(bare.substr(0, equals)))), value);
  }
}

absl::StatusOr<AwsProfiles> LoadAwsProfiles(const Environment& environment) {
  AwsProfiles profiles;
  RETURN_IF_ERROR(
      AddFile(PathOf(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials"), false, profiles));
  RETURN_IF_ERROR(AddFile(PathOf(environment, "AWS_CONFIG_FILE", "config"), true, profiles));
  return profiles;
}

}  // namespace millrace
