// Tries what an import does in a folder of data files.
#ifndef MILLRACE_DATA_FILES_STORE_CHECK_H_
#define MILLRACE_DATA_FILES_STORE_CHECK_H_

#include <string_view>
#include <vector>

#include "data_files/file_store.h"
#include "pipeline/destination.h"

namespace millrace::data_files {

// Adds a check for each kind of access, with objects of a few bytes. `page` documents permissions.
// `in_place`: files are never moved, and nothing says in the store that a commit is made.
void CheckStore(FileStore& store, std::string_view page, std::vector<AccessCheck>& checks,
                bool in_place = false);

}  // namespace millrace::data_files

#endif  // MILLRACE_DATA_FILES_STORE_CHECK_H_
