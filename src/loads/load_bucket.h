// The folder of a bucket in which files for a table are staged.
#ifndef MILLRACE_LOADS_LOAD_BUCKET_H_
#define MILLRACE_LOADS_LOAD_BUCKET_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/environment.h"
#include "base/uri_query.h"
#include "data_files/file_layout.h"
#include "data_files/file_store.h"

namespace millrace::loads {

// What a DEST says of it.
struct LoadBucket {
  std::string root;  // "gs://bucket/prefix/"; ends with '/'
  size_t file_bytes = 0;
};

// bucket=URI and file_size=MEGABYTES (1 to 3800, by default 128; compressed). Nullopt: there is no
// bucket. `schemes`: of the stores that the warehouse can read, such as "gs". InvalidArgument: they
// cannot be used.
absl::StatusOr<std::optional<LoadBucket>> TakeLoadBucket(
    UriQuery& query, absl::Span<const std::string_view> schemes);

// Gzip-compressed lines of the table form, without partitions: a format in which every warehouse
// takes JSON as JSON. Integers beyond 2^53 are strings, which all of them read exactly.
data_files::FileLayout LoadLayout(const LoadBucket& bucket, const Dialect& dialect);

// The folder of one table, by the name that it has in ledgers. Credentials come from `environment`
// when they are first needed. InvalidArgument: as OpenStore().
absl::StatusOr<std::unique_ptr<data_files::FileStore>> OpenLoadStore(
    const LoadBucket& bucket, std::string_view ledger_name, const Environment& environment);

}  // namespace millrace::loads

#endif  // MILLRACE_LOADS_LOAD_BUCKET_H_
