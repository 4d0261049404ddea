#include "connectors/pubsub/resource_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "base/strings.h"

namespace millrace::pubsub {
namespace {

constexpr std::string_view kScheme = "pubsub://";
constexpr std::string_view kProjects = "projects/";

bool IsId(std::string_view id) {
  return id.size() >= 3 && id.size() <= 255 && absl::ascii_isalpha(id[0]) &&
         !id.starts_with("goog") && std::all_of(id.begin(), id.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || std::string_view("-_.~+%").find(c) != std::string::npos;
         });
}

// Project names may include the domain of their organization: "example.com:project".
bool IsProject(std::string_view project) {
  return !project.empty() && project.size() <= 255 &&
         std::all_of(project.begin(), project.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == ':';
         });
}

absl::StatusOr<std::string> Name(std::string_view text, std::string_view project,
                                 std::string_view kind) {
  const std::string middle = StrCat("/", kind, "s/");
  std::string_view id = text;
  if (text.starts_with(kScheme)) {
    const std::string_view rest = text.substr(kScheme.size());
    const size_t slash = std::min(rest.find('/'), rest.size());
    project = rest.substr(0, slash);
    id = rest.substr(std::min(slash + 1, rest.size()));
  } else if (const size_t at = text.find(middle);
             text.starts_with(kProjects) && at != std::string_view::npos) {
    project = text.substr(kProjects.size(), at - kProjects.size());
    id = text.substr(at + middle.size());
  } else if (IsId(text) && project.empty()) {
    return absl::InvalidArgumentError(StrCat("which project is the ", kind, " '", text,
                                             "' of? Write projects/PROJECT", middle, text,
                                             ", or set GOOGLE_CLOUD_PROJECT"));
  }
  if (!IsProject(project) || !IsId(id)) {
    return absl::InvalidArgumentError(StrCat("'", text.substr(0, 300), "' names no Pub/Sub ", kind,
                                             ": write projects/PROJECT", middle, "NAME or ",
                                             kScheme, "PROJECT/NAME"));
  }
  return StrCat(kProjects, project, middle, id);
}

}  // namespace

absl::StatusOr<std::string> TopicName(std::string_view text, std::string_view project) {
  return Name(text, project, "topic");
}

absl::StatusOr<std::string> SubscriptionName(std::string_view text, std::string_view project) {
  return Name(text, project, "subscription");
}

}  // namespace millrace::pubsub
