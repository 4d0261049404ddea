// What the verbs `export ...` have in common: flags, the project, and the run.
#ifndef MILLRACE_CLI_EXPORT_FLAGS_H_
#define MILLRACE_CLI_EXPORT_FLAGS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "cli/command.h"
#include "cli/dead_letter_flags.h"
#include "cli/delivery_flags.h"
#include "cli/run_metrics.h"
#include "cli/shared_flags.h"
#include "export/export.h"
#include "net/http_client.h"

namespace millrace::cli {

// The project that is exported.
struct MixpanelProject {
  std::shared_ptr<HttpClient> http;
  mixpanel::DestinationOptions options;
};

// What is exported, and how.
struct ExportSource {
  // ExportParts has the same.
  mixpanel::RawExport raw_export;
  decltype(ExportParts::open_profiles) open_profiles;
  ExportReport (*run_export)(const ExportRequest& request, const ExportParts& parts,
                             std::stop_token stop, ExportProgress& progress);
  // If set, completes the request once the ledger is open.
  std::function<absl::Status(ExportRequest& request, Ledger& ledger)> complete;
};

// What is open during a run.
struct ExportWork {
  const ExportRequest& request;  // complete
  const ExportParts& parts;
  ExportProgress& progress;
  const std::vector<std::string>& deletions;  // the users of --deletions
  const std::atomic<uint64_t>& left_out;      // rows of deleted users, so far
};

struct ExportFlags {
  DestinationFlags destination;
  StateFlags state;
  DeliveryFlags delivery;
  DeadLetterFlags dead_letter;
  RunMetricsFlags metrics;
  int64_t queries_per_hour = -1;
  std::string deletions;  // of verbs that add DeletionsFlag()
  bool json = false;
  bool quiet = false;

  void AddTo(std::vector<Flag>& flags);
  Flag DeletionsFlag();
  // A request for `stream`, without what is particular to it. InvalidArgument names what is
  // missing.
  absl::StatusOr<ExportRequest> Request(const Context& context) const;
  // Unauthenticated: there are no credentials.
  absl::StatusOr<MixpanelProject> OpenProject(const Context& context) const;

  // Opens what the flags name, completes the request, and calls `use` while its progress is shown.
  using Use = std::function<absl::Status(const ExportWork& work)>;
  absl::Status With(ExportRequest request, const ExportSource& source, RunMetrics& run,
                    const Use& use, Context& context) const;
  // Does so, exports and reports.
  absl::StatusOr<int> Run(ExportRequest request, const ExportSource& source, RunMetrics& run,
                          Context& context) const;
};

// The raw export of the project.
mixpanel::RawExport RawExportOf(const MixpanelProject& project);

// The rows are profiles as Mixpanel exports them. Without `group_key`, rows of groups name theirs.
absl::StatusOr<SourcesConfig> ProfileSources(RecordType type, const std::string& group_key);

// The names of a flag that may be repeated and takes several, separated by commas.
std::vector<std::string> SplitNames(const std::vector<std::string>& values);

// "2026-11-01". InvalidArgument names `flag`.
absl::StatusOr<absl::CivilDay> ParseDay(std::string_view flag, const std::string& text);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_EXPORT_FLAGS_H_
