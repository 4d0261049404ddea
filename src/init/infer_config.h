// Infers a first sources.json from the content of a file, with the reasons.
#ifndef MILLRACE_INIT_INFER_CONFIG_H_
#define MILLRACE_INIT_INFER_CONFIG_H_

#include <string>
#include <vector>

#include "init/file_profile.h"

namespace millrace {

// One inferred choice.
struct Explanation {
  std::string about;   // "event name", "time", "$user_id", ...
  std::string choice;  // the column or value taken; empty: none
  std::string why;
};

struct InferredConfig {
  // The rows are in Mixpanel's event format: they are imported without a config.
  bool mixpanel_format = false;
  std::string json;  // the text of a sources.json; empty for Mixpanel's format
  std::vector<Explanation> explanations;
};

// Pure: the same profile gives the same config. SourcesConfig::Parse loads the config, which
// rejects no row of the sample if a choice makes that possible.
InferredConfig InferConfig(const FileProfile& profile);

}  // namespace millrace

#endif  // MILLRACE_INIT_INFER_CONFIG_H_
