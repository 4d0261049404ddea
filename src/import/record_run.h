// One Run() over objects of one record type: an import does one after another, a watch does all at
// once.
#ifndef MILLRACE_IMPORT_RECORD_RUN_H_
#define MILLRACE_IMPORT_RECORD_RUN_H_

#include <stop_token>
#include <string>
#include <vector>

#include "import/import.h"
#include "mapping/current_sources.h"
#include "objects/object_feed.h"
#include "script/script_pool.h"

namespace millrace {

// The record types that `sources` has entries for, in import order.
std::vector<RecordType> RecordTypesOf(const SourcesConfig& sources);

// Loads every transform once, so that a script that does not compile stops a run before it reads
// anything.
absl::Status CheckTransforms(const SourcesConfig& sources, ScriptPool& scripts);

struct RecordRun {
  const ImportRequest& request;
  const CurrentSources& sources;  // used instead of those of the request
  RecordType type;
  ObjectFeed& feed;  // of objects whose entry is of `type`
  ScriptPool& scripts;
  Destination& destination;
  Ledger& ledger;
  DeadLetterQueue& dead_letter;
  ImportProgress& progress;
  bool tolerate_store_errors = false;  // as in ObjectSourceOptions
  Replacement* replacement = nullptr;  // then the object of this name replaces its scope
  std::string replacing_object = {};
};

// Blocking; returns when the feed ends, `stop` is requested or a permanent failure occurs. The
// report does not include what is counted for all runs together (objects skipped, requests, bytes,
// time).
ImportReport RunRecords(const RecordRun& run, std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_IMPORT_RECORD_RUN_H_
