// What names of files tell.
#ifndef MILLRACE_INIT_FILE_NAMES_H_
#define MILLRACE_INIT_FILE_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// A name for what a file holds, from its name: "wikipedia_edits_2015-09-12.ndjson.gz" ->
// "wikipedia_edits". Where the file's name says nothing ("part-0001.parquet"), its folder's; else
// "event".
std::string NameFromUri(std::string_view uri);

// The folder of the data set that `uri` is of: above its Hive partitions ("day=2024-01-01/").
std::string_view DatasetFolder(std::string_view uri);

// The prefix that fits `uri` and the `siblings`, other objects of its data set, that look alike:
// the data set's folder; or the object's own folder, or that and the beginning of the name, if they
// hold other things too.
std::string PrefixFor(std::string_view uri, const std::vector<std::string>& siblings);

}  // namespace millrace

#endif  // MILLRACE_INIT_FILE_NAMES_H_
