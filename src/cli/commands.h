// Every verb. A new one is a file <verb>_command.cc, a line here and a line in AllCommands().
#ifndef MILLRACE_CLI_COMMANDS_H_
#define MILLRACE_CLI_COMMANDS_H_

#include <vector>

#include "cli/command.h"

namespace millrace::cli {

Command ImportCommand();
Command ExportEventsCommand();
Command ExportPlanCommand();
Command ExportReconcileCommand();
Command ExportUsersCommand();
Command ExportGroupsCommand();
Command ExportCohortsCommand();
Command ExportAnnotationsCommand();
Command ExportIdentitiesCommand();
Command ExportJqlCommand();
Command WatchCommand();
Command ProxyCommand();
Command PlanCommand();
Command StatusCommand();
Command ReconcileCommand();
Command InitCommand();
Command DlqListCommand();
Command DlqShowCommand();
Command DlqReplayCommand();
Command DestinationsCheckCommand();
Command DestinationsCreateCommand();
Command DestinationsDropCommand();
Command SandboxCommand();
Command GenerateEventsCommand();
Command GenerateTripsCommand();
Command StaypointsCommand();

// In the order of --help.
std::vector<Command> AllCommands();

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_COMMANDS_H_
