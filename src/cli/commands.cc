#include "cli/commands.h"

namespace millrace::cli {

std::vector<Command> AllCommands() {
  return {
      ImportCommand(),        WatchCommand(),      PlanCommand(),    StatusCommand(),
      ReconcileCommand(),     InitCommand(),       DlqListCommand(), DlqShowCommand(),
      DlqReplayCommand(),     StaypointsCommand(), SandboxCommand(), GenerateEventsCommand(),
      GenerateTripsCommand(),
  };
}

}  // namespace millrace::cli
