// millrace init: inspects a file and creates a first sources.json.
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
  std::string input;  // a file; of a folder or glob, the first file is sampled
  uint64_t sample_rows = 50'000;
  StoreOptions stores;    // how the input is accessed
  bool as_files = false;  // read the files of Delta, Iceberg and Hudi tables
};

struct InitResult {
  std::string uri;  // of the sampled file
  FileType type = FileType::kAuto;
  uint64_t rows = 0;   // sampled rows
  bool whole = false;  // the sample is the whole file
  std::string damage;  // why the rows after them cannot be read; empty: no known damage
  InferredConfig config;
  // The sample mapped with the config as an import would:
  uint64_t rejected = 0;
  std::string first_rejection;  // code, field and message; empty: none
};

// Blocking. NotFound if the input matches nothing, InvalidArgument if the file type is unknown or
// no row can be read, Cancelled if `stop` was requested, and the errors of reading the file.
absl::StatusOr<InitResult> InitConfig(const InitRequest& request, std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_INIT_INIT_H_
