// millrace init: looks at a file and makes a first sources.json.
#ifndef MILLRACE_INIT_INIT_H_
#define MILLRACE_INIT_INIT_H_

#include <cstdint>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "init/infer_config.h"
#include "stores/open_store.h"

namespace millrace {

struct InitRequest {
  std::string input;  // a file; of a folder or glob, the first one is looked at
  uint64_t sample_rows = 50'000;
  StoreOptions stores;    // how the input is reached
  bool as_files = false;  // look into the files of Delta, Iceberg and Hudi tables
};

struct InitResult {
  std::string uri;  // of the file that was looked at
  FileType type = FileType::kAuto;
  uint64_t rows = 0;   // that were looked at
  bool whole = false;  // these are all rows of the file
  std::string damage;  // why the rows behind them cannot be read; empty: nothing was found
  InferredConfig config;
  // The sample mapped with the config as an import would:
  uint64_t rejected = 0;
  std::string first_rejection;  // code, field and message; empty: none
};

// Blocking. NotFound if the input names nothing, InvalidArgument if the file is of no known type or
// holds no row that can be read, Cancelled if `stop` was requested, and the errors of reading the
// file.
absl::StatusOr<InitResult> InitConfig(const InitRequest& request, std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_INIT_INIT_H_
