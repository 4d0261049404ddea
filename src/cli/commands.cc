#include "cli/commands.h"

namespace millrace::cli {

std::vector<Command> AllCommands() {
  return {
      InitCommand(),
      PlanCommand(),
      ImportCommand(),
      WatchCommand(),
      ExportEventsCommand(),
      ExportPlanCommand(),
      ExportUsersCommand(),
      ExportGroupsCommand(),
      ExportCohortsCommand(),
      ExportAnnotationsCommand(),
      ExportIdentitiesCommand(),
      ExportJqlCommand(),
      ProxyCommand(),
      StatusCommand(),
      ReconcileCommand(),
      ExportReconcileCommand(),
      DlqListCommand(),
      DlqShowCommand(),
      DlqReplayCommand(),
      DestinationsCheckCommand(),
      DestinationsCreateCommand(),
      DestinationsDropCommand(),
      StaypointsCommand(),
      SandboxCommand(),
      GenerateEventsCommand(),
      GenerateTripsCommand(),
  };
}

}  // namespace millrace::cli
