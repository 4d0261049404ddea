#include "cli/proxy_demo.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace millrace::cli {

absl::StatusOr<std::unique_ptr<DemoParts>> DemoParts::Start(const Environment& environment) {
  std::string folder = environment("TMPDIR").value_or("/tmp") + "/millrace-demo-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return ErrnoStatus(errno, StrCat("creating ", folder));
  // From here on it is removed whatever happens.
  auto parts = std::unique_ptr<DemoParts>(new DemoParts(folder, nullptr));
  ASSIGN_OR_RETURN(std::unique_ptr<sandbox::Sandbox> sandbox, sandbox::Sandbox::Start({}));
  parts->sandbox_ = std::move(sandbox);
  return parts;
}

DemoParts::~DemoParts() {
  if (sandbox_ != nullptr) sandbox_->Stop();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

absl::Status DemoParts::SetFlags(DestinationFlags& destination, StateFlags& state) const {
  if (!destination.to.empty()) {
    return absl::InvalidArgumentError("--demo has destinations of its own: leave out --to");
  }
  destination.to = {"mixpanel", lake() + "?format=ndjson.gz&form=raw&age=1s"};
  destination.mixpanel.url = sandbox_->url();
  destination.mixpanel.token = "demo";
  state.state = folder_;
  state.dead_letters = "";
  return absl::OkStatus();
}

proxy::ProxyDemo DemoParts::page() const { return {sandbox_->url(), lake()}; }

}  // namespace millrace::cli
