// Names that a listing omits because they begin with '.' or '_'.
#ifndef MILLRACE_OBJECTS_HIDDEN_NAMES_H_
#define MILLRACE_OBJECTS_HIDDEN_NAMES_H_

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/warnings.h"

namespace millrace {

// True for names that writers are known to leave next to data and that never contain rows:
// "_SUCCESS",
// "_temporary/", ".part-0.parquet.crc", ".DS_Store" and the like. `uri` as passed to a
// HiddenVisitor.
bool IsMarkerName(std::string_view uri);

// Counts the hidden name, with the warning "hidden_names" unless it is a marker.
void NoteHiddenName(std::string_view uri, std::atomic<uint64_t>& count, Warnings& warnings);

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_HIDDEN_NAMES_H_
