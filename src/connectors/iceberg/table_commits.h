// Commits as snapshots of a table.
#ifndef MILLRACE_CONNECTORS_ICEBERG_TABLE_COMMITS_H_
#define MILLRACE_CONNECTORS_ICEBERG_TABLE_COMMITS_H_

#include <memory>

#include "base/clock.h"
#include "connectors/iceberg/append_target.h"
#include "connectors/iceberg/catalog.h"
#include "data_files/commit_log.h"
#include "data_files/file_store.h"

namespace millrace::iceberg {

// A commit appends a snapshot with one manifest of its files. Its id is in the summary of the
// snapshot, with those of the commits before:
//
//   millrace.commits = [ "-" ] id *( "," [ "-" ] id )    "-": abandoned; the last one is its own
//   id = 16 hex digits, the first ones of the commit's
//
// So whether a commit was made is asked of the table: of all snapshots that it still has, of the
// manifests of the current one, whose names begin with the id, and, before anything is removed, of
// all files in them. Abandoning appends an empty
// snapshot, after which a late request of an earlier try finds another table than it requires.
//
// All arguments outlive it; `store` has the files of the table.
std::unique_ptr<data_files::CommitLog> NewTableCommits(Catalog& catalog,
                                                       data_files::FileStore& store,
                                                       const AppendTarget& target, Clock& clock);

}  // namespace millrace::iceberg

#endif  // MILLRACE_CONNECTORS_ICEBERG_TABLE_COMMITS_H_
