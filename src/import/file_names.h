// What names of files tell.
#ifndef MILLRACE_IMPORT_FILE_NAMES_H_
#define MILLRACE_IMPORT_FILE_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// A name for what a file holds, from its name: "wikipedia_edits_2015-09-12.ndjson.gz" ->
// "wikipedia_edits". Where the file's name says nothing ("part-0001.parquet"), its folder's; else
// "event".
std::string NameFromUri(std::string_view uri);

// The prefix that fits `uri` and the objects beside it that look alike: the folder; or the folder
// and the beginning of the name, if the folder holds other things too.
std::string PrefixFor(std::string_view uri, const std::vector<std::string>& siblings);

}  // namespace millrace

#endif  // MILLRACE_IMPORT_FILE_NAMES_H_
