// Flags that several verbs share, each group declared once.
#ifndef MILLRACE_CLI_SHARED_FLAGS_H_
#define MILLRACE_CLI_SHARED_FLAGS_H_

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/command.h"
#include "connectors/mixpanel/mixpanel_destination.h"
#include "destinations/named_destinations.h"
#include "import/import.h"
#include "mapping/sources_config.h"
#include "pipeline/dead_letter_queue.h"
#include "pipeline/ledger.h"

namespace millrace::cli {

// --state, --ledger, --dlq.
struct StateFlags {
  std::string state;         // default $XDG_STATE_HOME/millrace, else ~/.local/state/millrace
  std::string ledger;        // URI; default <state>/ledger.db
  std::string dead_letters;  // folder, or pubsub://PROJECT/TOPIC; default <state>/dead_letters

  void AddTo(std::vector<Flag>& flags);
  // The state folder, created if it is missing.
  absl::StatusOr<std::string> StateFolder(const Context& context) const;
  absl::StatusOr<std::unique_ptr<Ledger>> OpenLedger(const Context& context) const;
  // For read-only verbs: creates and changes nothing; without a ledger there are no rows.
  absl::StatusOr<std::unique_ptr<LedgerReader>> OpenLedgerToRead(const Context& context) const;
  // InvalidArgument if they are not in a folder.
  absl::StatusOr<std::string> DeadLetterFolder(const Context& context) const;

 private:
  absl::StatusOr<std::string> StatePath(const Context& context) const;
  absl::StatusOr<std::string> LedgerFile() const;
};

// --project-id, --region, --mixpanel-url, --credentials-file and the old importers' names.
struct MixpanelFlags {
  std::string project_id;
  std::string region = "us";
  std::string url;
  std::string credentials_file;
  std::string token;       // from --mixpanel_project_token, an old name; the environment is safer
  std::string api_secret;  // from --mixpanel_api_secret

  void AddTo(std::vector<Flag>& flags);
  // The credentials may be empty.
  absl::StatusOr<mixpanel::DestinationOptions> Options(const Environment& environment) const;
  absl::StatusOr<mixpanel::Endpoints> Endpoints() const;

 private:
  absl::StatusOr<mixpanel::Credentials> Credentials(const Environment& environment) const;
};

// Destinations that do not write to one place, and are called differently in reports.
class DistinctDestinations {
 public:
  // `what`: "--to".
  explicit DistinctDestinations(std::string_view what) : what_(what) {}
  // InvalidArgument: `destination` is the same as one before.
  absl::Status Add(const Destination& destination);

 private:
  const std::string what_;
  std::set<std::string> names_, labels_;
};

// --to and --destinations, and what flags say of Mixpanel.
struct DestinationFlags {
  std::vector<std::string> to;  // default: Mixpanel
  std::string file;             // names for destinations
  MixpanelFlags mixpanel;

  void AddTo(std::vector<Flag>& flags);
  // What --to names, in its order. Errors of the file.
  absl::StatusOr<std::vector<NamedDestination>> Targets() const;
  // Opens one. Its variables are those of `environment`, as it renames them.
  absl::StatusOr<std::unique_ptr<Destination>> OpenTarget(
      const NamedDestination& target, const Environment& environment,
      const std::function<absl::Status(mixpanel::DestinationOptions&)>& set_mixpanel) const;
  // The destinations, in the order of --to. `set_mixpanel` adds to the options of each that is
  // Mixpanel; may be null. InvalidArgument if one cannot be opened or is given twice.
  absl::StatusOr<std::vector<std::unique_ptr<Destination>>> Open(
      const Context& context,
      std::function<absl::Status(mixpanel::DestinationOptions&)> set_mixpanel = nullptr) const;
  // For verbs that have one destination: InvalidArgument if there are several.
  absl::StatusOr<std::unique_ptr<Destination>> OpenOne(
      const Context& context,
      std::function<absl::Status(mixpanel::DestinationOptions&)> set_mixpanel = nullptr) const;
};

// InvalidArgument if records of `sources` could not be written, for example without credentials.
absl::Status CheckConfig(const Destination& destination, const SourcesConfig& sources);

// --config, --strict, --as-files and the inputs.
struct SourceFlags {
  std::vector<std::string> inputs;
  std::string config;
  bool strict = false;
  bool as_files = false;

  void AddTo(std::vector<Flag>& flags);
  // The config, or the built-in one for Mixpanel's event format if --config is not given.
  absl::StatusOr<SourcesConfig> Sources(const StoreOptions& stores) const;
};

enum class InputsAre { kRequired, kOptional };

// Inputs, config and destination: the flags of import, watch, plan and reconcile.
struct ImportFlags {
  SourceFlags source;
  DestinationFlags destination;
  StateFlags state;

  void AddTo(std::vector<Flag>& flags);
  // The ImportRequest that the flags describe.
  absl::StatusOr<ImportRequest> Request(const Context& context,
                                        InputsAre inputs = InputsAre::kRequired) const;
};

// --as-files: whether folders of table formats are read as files.
Flag AsFilesFlag(bool* target);

// --retry-timeout; the value of `target` is the default.
Flag RetryTimeoutFlag(absl::Duration* target);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_SHARED_FLAGS_H_
