// Infers names and prefixes from file names.
#ifndef MILLRACE_INIT_FILE_NAMES_H_
#define MILLRACE_INIT_FILE_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// A name for the content of a file, from the file name: "wikipedia_edits_2015-09-12.ndjson.gz" ->
// "wikipedia_edits". If the file name says nothing ("part-0001.parquet"), from its folder; else
// "event".
std::string NameFromUri(std::string_view uri);

// The folder of the data set of `uri`: above its Hive partitions ("day=2024-01-01/").
std::string_view DatasetFolder(std::string_view uri);

// The prefix that matches `uri` and those `siblings`, other objects of its data set, that look
// alike: the data set's folder; or, if it also contains other files, the object's own folder, or
// that folder plus the beginning of the name.
std::string PrefixFor(std::string_view uri, const std::vector<std::string>& siblings);

}  // namespace millrace

#endif  // MILLRACE_INIT_FILE_NAMES_H_
