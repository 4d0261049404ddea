// Parts that the URIs of destinations of data files share.
#ifndef MILLRACE_DATA_FILES_URI_OPTIONS_H_
#define MILLRACE_DATA_FILES_URI_OPTIONS_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/record_type.h"
#include "base/uri_query.h"

// All are InvalidArgument if the text cannot be used.
namespace millrace::data_files {

// "/data/lake/", "gs://bucket/lake/": the folder with a '/' at its end. A local one is absolute and
// without symbolic links, so that it names one place and begins the names of what is listed below
// it.
absl::StatusOr<std::string> RootOf(std::string_view folder);

// The folders below it of the types of record that the destination takes. They do not overlap.
using Names = std::map<RecordType, std::string>;
// table=T, events=T, users=T and groups=T: those that are named, or all three by the names of the
// types.
absl::StatusOr<Names> TakeFolders(UriQuery& query);
// The same for names that are no folders, and need only differ.
absl::StatusOr<Names> TakeNames(UriQuery& query);

// time=event or time=arrival.
absl::StatusOr<bool> TakeByArrival(UriQuery& query);
// file_size=MEGABYTES, in bytes.
absl::StatusOr<size_t> TakeFileBytes(UriQuery& query, size_t by_default = size_t{512} << 20);
// age=T.
absl::StatusOr<absl::Duration> TakeAge(UriQuery& query);

}  // namespace millrace::data_files

#endif  // MILLRACE_DATA_FILES_URI_OPTIONS_H_
