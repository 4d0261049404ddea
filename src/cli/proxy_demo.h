// What `millrace proxy --demo` starts: a sandbox in Mixpanel's place, and folders for everything
// else.
#ifndef MILLRACE_CLI_PROXY_DEMO_H_
#define MILLRACE_CLI_PROXY_DEMO_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cli/shared_flags.h"
#include "proxy/live_page.h"
#include "sandbox/sandbox.h"

namespace millrace::cli {

class DemoParts {
 public:
  // A sandbox on a free port of this machine, and a new folder for temporary files.
  static absl::StatusOr<std::unique_ptr<DemoParts>> Start(const Environment& environment);
  // Stops the sandbox and removes the folder.
  ~DemoParts();
  DemoParts(const DemoParts&) = delete;
  DemoParts& operator=(const DemoParts&) = delete;

  // Sends to the sandbox and to a lake in the folder, where the state is too. InvalidArgument: the
  // flags name destinations.
  absl::Status SetFlags(DestinationFlags& destination, StateFlags& state) const;
  proxy::ProxyDemo page() const;

 private:
  DemoParts(std::string folder, std::unique_ptr<sandbox::Sandbox> sandbox)
      : folder_(std::move(folder)), sandbox_(std::move(sandbox)) {}
  std::string lake() const { return folder_ + "/lake/"; }

  const std::string folder_;
  std::unique_ptr<sandbox::Sandbox> sandbox_;  // null until it has started
};

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_PROXY_DEMO_H_
